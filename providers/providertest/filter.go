package providertest

import (
	"time"

	"github.com/myswiftagent/myvault"
)

// scene records six reads and makes two changes.
func (s *stage) scene() {
	other := accessEntry("read", "newsbot/prod/db", 20)
	other.Service = "myscheduler"
	denied := accessEntry("read", "common/prod/db", 30)
	denied.Outcome = myvault.OutcomeDenied
	s.do(put("newsbot/prod/db", "1"), put("newsbot/production/x", "1"))
	s.record(accessEntry("read", "newsbot/prod/db", 10), other, denied,
		accessEntry("list", "newsbot/prod", 40), accessEntry("read", "newsbot/production/x", 50), entry(begin.Add(60*time.Millisecond), "login", myvault.Address{}))
}

var filterClauses = []Clause{
	onTrail("filter/all", "The zero TrailRange selects every entry.", func(s *stage) {
		s.scene()
		same(s, "entries", len(s.entries(myvault.TrailFilter{})), 8)
	}),
	onTrail("filter/prefix", "A prefix selects entries by whole segments.", func(s *stage) {
		s.scene()
		s.trail(myvault.TrailFilter{Prefix: myvault.Prefix{Project: "newsbot", Path: "prod"}},
			"access 4 list newsbot/prod", "access 2 read newsbot/prod/db", "access 1 read newsbot/prod/db", "changes 1 write newsbot/prod/db")
		s.trail(myvault.TrailFilter{Prefix: myvault.Prefix{Project: "newsbot", Path: "prod/"}},
			"access 2 read newsbot/prod/db", "access 1 read newsbot/prod/db", "changes 1 write newsbot/prod/db")
		s.trail(myvault.TrailFilter{Prefix: myvault.Prefix{Project: "common"}}, "access 3 read common/prod/db")
	}),
	onTrail("filter/service", "A service selects its own entries.", func(s *stage) {
		s.scene()
		s.trail(myvault.TrailFilter{Service: "myscheduler"}, "access 2 read newsbot/prod/db")
		s.trail(myvault.TrailFilter{Service: "nobody"})
	}),
	onTrail("filter/action", "An action selects its entries, of both chains.", func(s *stage) {
		s.scene()
		s.trail(myvault.TrailFilter{Action: "list"}, "access 4 list newsbot/prod")
		s.trail(myvault.TrailFilter{Action: "write"}, "changes 2 write newsbot/production/x", "changes 1 write newsbot/prod/db")
	}),
	onTrail("filter/outcome", "An outcome selects its entries.", func(s *stage) {
		s.scene()
		s.trail(myvault.TrailFilter{Outcome: myvault.OutcomeDenied}, "access 3 read common/prod/db")
	}),
	onTrail("filter/since", "Since is inclusive.", func(s *stage) {
		s.scene()
		s.trail(myvault.TrailFilter{Since: begin.Add(50 * time.Millisecond)}, "access 6 login ", "access 5 read newsbot/production/x")
		s.trail(myvault.TrailFilter{Since: begin.Add(50*time.Millisecond + time.Microsecond)}, "access 6 login ")
	}),
	onTrail("filter/until", "Until is exclusive.", func(s *stage) {
		s.scene()
		s.trail(myvault.TrailFilter{Until: begin.Add(10*time.Millisecond + time.Microsecond), Action: "read"}, "access 1 read newsbot/prod/db")
		s.trail(myvault.TrailFilter{Until: begin.Add(10 * time.Millisecond), Action: "read"})
	}),
	onTrail("filter/together", "Filters hold together.", func(s *stage) {
		s.scene()
		s.trail(myvault.TrailFilter{
			Prefix: myvault.Prefix{Project: "newsbot", Path: "prod"}, Service: by, Action: "read", Outcome: myvault.OutcomeOK,
			Since: begin, Until: begin.Add(time.Second),
		}, "access 1 read newsbot/prod/db")
	}),
	onTrail("filter/before", "Before selects what is older in each chain that it names.", func(s *stage) {
		s.scene()
		s.trail(myvault.TrailFilter{Before: myvault.Cursor{myvault.ChainAccess: 3, myvault.ChainChanges: 2}},
			"access 2 read newsbot/prod/db", "access 1 read newsbot/prod/db", "changes 1 write newsbot/prod/db")
		s.trail(myvault.TrailFilter{Before: myvault.Cursor{myvault.ChainAccess: 1, myvault.ChainChanges: 1}})
	}),
	onTrail("filter/before-one", "A chain that Before does not name starts at its newest entry.", func(s *stage) {
		s.scene()
		s.trail(myvault.TrailFilter{Before: myvault.Cursor{myvault.ChainAccess: 2}},
			"access 1 read newsbot/prod/db", "changes 2 write newsbot/production/x", "changes 1 write newsbot/prod/db")
	}),
	onTrail("filter/before-beyond", "Before may lie beyond the newest entry.", func(s *stage) {
		s.scene()
		beyond := myvault.Cursor{myvault.ChainAccess: 1 << 40, myvault.ChainChanges: 1 << 40}
		same(s, "entries", len(s.entries(myvault.TrailFilter{Before: beyond})), 8)
	}),
	onTrail("filter/pages", "Pages that begin before the last entries seen give every entry once.", func(s *stage) {
		s.scene()
		seen := map[string]bool{}
		for position := (myvault.Cursor{}); ; {
			page := s.entries(myvault.TrailFilter{Before: position})
			if len(page) == 0 {
				break
			}
			for _, e := range page[:min(3, len(page))] {
				key := e.Chain + string(rune('0'+e.Seq))
				same(s, "seen before: "+key, seen[key], false)
				seen[key] = true
				position[e.Chain] = e.Seq
			}
		}
		same(s, "entries", len(seen), 8)
	}),
}
