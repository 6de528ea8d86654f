package providertest

import (
	"fmt"
	"slices"
	"time"

	"github.com/myswiftagent/myvault"
)

// trailClause returns a clause on providers that implement Trail.
func trailClause(name, promise string, run func(*scenario)) Clause {
	return clause(name, promise, run, Trail)
}

// accessEntry returns an access entry, ms milliseconds after startTime.
func accessEntry(action, addr string, ms int) myvault.Entry {
	return entry(startTime.Add(time.Duration(ms)*time.Millisecond), action, address(addr))
}

var trailClauses = []Clause{
	trailClause("trail/empty", "A new trail yields no entries and no error.", func(s *scenario) {
		s.wantEntries(myvault.TrailFilter{})
	}),
	trailClause("trail/change", "Each change adds one entry to the chain of changes.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), remove("newsbot/a"), undelete("newsbot/a"), destroy("newsbot/a", 1),
			project("common", ""), makeDefault("common"), removeProject("common"))
		s.wantEntries(myvault.TrailFilter{},
			"changes 7 project-delete common", "changes 6 project-default common", "changes 5 project-write common",
			"changes 4 destroy newsbot/a", "changes 3 undelete newsbot/a", "changes 2 delete newsbot/a", "changes 1 write newsbot/a")
	}),
	trailClause("trail/version", "The entry of a change contains the version that the change created, deleted or destroyed, or 0 for a project.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"), remove("newsbot/a"), undelete("newsbot/a"), destroy("newsbot/a", 1), project("newsbot", "mine"))
		want := []myvault.Version{0, 1, 2, 2, 2, 1}
		for i, e := range wantLen(s, "entries", s.entries(myvault.TrailFilter{}), len(want)) {
			wantEqual(s, fmt.Sprintf("version of entry %d", e.Seq), e.Version, want[i])
		}
	}),
	trailClause("trail/fields", "The entry of a change contains the fields that the vault wrote: time, service, via, request, action, address, outcome and count.", func(s *scenario) {
		c := s.commit(put("newsbot/a", "1"))
		c.By = "myscheduler"
		c.Entries[0].Service, c.Entries[0].Via, c.Entries[0].Request = "myscheduler", "header", "01J9-abc"
		_, err := s.p.Apply(s.ctx, c)
		s.noError("put", err)
		wantEntry(s, wantLen(s, "entries", s.entries(myvault.TrailFilter{}), 1)[0], c.Entries[0])
	}),
	trailClause("trail/destroy", "A Destroy of several versions adds one entry, with the newest of them.", func(s *scenario) {
		s.putThree()
		s.do(destroy("newsbot/prod/db", 1, 2), destroy("newsbot/prod/db"))
		got := wantLen(s, "entries", s.entries(myvault.TrailFilter{}), 5)
		wantEqual(s, "version", got[1].Version, 2)
		wantEqual(s, "version", got[0].Version, 3)
	}),
	trailClause("trail/without-entries", "A commit without entries adds one for each change, with the commit's author as service.", func(s *scenario) {
		c := s.commit(put("newsbot/a", "1"))
		c.Entries = nil
		_, err := s.p.Apply(s.ctx, c)
		s.noError("put", err)
		want := entry(c.At, "write", address("newsbot/a"))
		want.Via, want.Request = "", ""
		got := wantLen(s, "entries", s.entries(myvault.TrailFilter{}), 1)
		wantEntry(s, got[0], want)
		wantEqual(s, "version", got[0].Version, 1)
	}),
	trailClause("trail/refused", "A refused change adds no entry.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		s.wantRefused(myvault.ErrExists, put("newsbot/a", "2", myvault.IfAbsent()))
		s.wantRefused(myvault.ErrNotFound, remove("newsbot/b"))
		s.wantEntries(myvault.TrailFilter{}, "changes 1 write newsbot/a")
		s.do(put("newsbot/a", "2"))
		s.wantEntries(myvault.TrailFilter{}, "changes 2 write newsbot/a", "changes 1 write newsbot/a")
	}),
	clause("trail/commit", "A commit adds the entries of its changes in order.", func(s *scenario) {
		s.doAll(put("newsbot/a", "1"), put("newsbot/b", "1"), put("newsbot/a", "2"), project("common", ""))
		s.wantEntries(myvault.TrailFilter{}, "changes 4 project-write common", "changes 3 write newsbot/a", "changes 2 write newsbot/b", "changes 1 write newsbot/a")
		wantEqual(s, "version of the third", wantLen(s, "entries", s.entries(myvault.TrailFilter{}), 4)[1].Version, 2)
	}, Trail, ManyChanges),
	clause("trail/refused-commit", "A refused commit adds no entry and uses no sequence number.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		s.wantRefused(myvault.ErrNotFound, put("newsbot/b", "1"), put("newsbot/c", "1"), remove("newsbot/never"))
		s.do(put("newsbot/a", "2"))
		s.wantEntries(myvault.TrailFilter{}, "changes 2 write newsbot/a", "changes 1 write newsbot/a")
	}, Trail, ManyChanges),
	trailClause("trail/no-reads", "Reads of secrets and entries add no entry.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		s.wantValue("newsbot/a", 0, "1")
		s.listed(myvault.ListOptions{})
		s.wantVersions("newsbot/a", "1 live")
		s.wantProjects("newsbot")
		s.wantEntries(myvault.TrailFilter{}, "changes 1 write newsbot/a")
		s.wantEntries(myvault.TrailFilter{}, "changes 1 write newsbot/a")
	}),
	trailClause("trail/newest-first", "Entries yields the newest entry first, and merges the two chains by time.", func(s *scenario) {
		s.record(accessEntry("read", "newsbot/z", -500))
		s.do(put("newsbot/a", "1"))
		s.record(accessEntry("read", "newsbot/a", 500))
		s.commits.Add(1000)
		s.do(put("newsbot/a", "2"))
		s.record(accessEntry("read", "newsbot/a", 1500), accessEntry("list", "newsbot", 1501))
		s.wantEntries(myvault.TrailFilter{}, "access 4 list newsbot", "access 3 read newsbot/a", "changes 2 write newsbot/a",
			"access 2 read newsbot/a", "changes 1 write newsbot/a", "access 1 read newsbot/z")
	}),
	trailClause("trail/clock-back", "Within a chain, entries are ordered by sequence number, even if the clock went back.", func(s *scenario) {
		s.record(accessEntry("read", "newsbot/a", 900), accessEntry("read", "newsbot/b", 100), accessEntry("read", "newsbot/c", 500))
		s.wantEntries(myvault.TrailFilter{}, "access 3 read newsbot/c", "access 2 read newsbot/b", "access 1 read newsbot/a")
	}),
	trailClause("trail/many", "A long trail is yielded completely, each entry once.", func(s *scenario) {
		const many = 600
		var reads []myvault.Entry
		var puts []myvault.Change
		for i := range many {
			reads = append(reads, accessEntry("read", fmt.Sprintf("newsbot/secret-%04d", i), i))
			puts = append(puts, put("newsbot/a", "again"))
		}
		s.record(reads...)
		s.fill(puts)
		next := map[string]uint64{myvault.ChainAccess: many, myvault.ChainChanges: many}
		for _, e := range s.entries(myvault.TrailFilter{}) {
			wantEqual(s, "sequence in "+e.Chain, e.Seq, next[e.Chain])
			next[e.Chain]--
		}
		wantEqual(s, "access entries left out", next[myvault.ChainAccess], 0)
		wantEqual(s, "change entries left out", next[myvault.ChainChanges], 0)
	}),
}

// wantEntry compares the fields that the vault writes.
func wantEntry(s *scenario, got, want myvault.Entry) {
	wantTime(s, "time", got.At, want.At)
	wantTime(s, "first", got.First, want.First)
	wantTime(s, "last", got.Last, want.Last)
	wantEqual(s, "service", got.Service, want.Service)
	wantEqual(s, "via", got.Via, want.Via)
	wantEqual(s, "request", got.Request, want.Request)
	wantEqual(s, "remote", got.Remote, want.Remote)
	wantEqual(s, "action", got.Action, want.Action)
	wantEqual(s, "address", got.Address, want.Address)
	wantEqual(s, "outcome", got.Outcome, want.Outcome)
	wantEqual(s, "count", got.Count, want.Count)
}

var recordClauses = []Clause{
	trailClause("trail/destroyed", "The entry of a destroy contains the versions it named, and no other entry does.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"), put("newsbot/a", "3"), put("newsbot/a", "4"), put("newsbot/a", "5"))
		s.do(destroy("newsbot/a", 4, 1, 2, 1))
		s.do(destroy("newsbot/a", 3))
		s.do(destroy("newsbot/a"))
		read := accessEntry("read", "newsbot/a", 100)
		read.Destroyed = []myvault.VersionRange{{First: 1, Last: 2}}
		s.record(read)
		want := []string{"[]", "[{1 5}]", "[{3 3}]", "[{1 2} {4 4}]", "[]", "[]", "[]", "[]", "[]"}
		for i, e := range wantLen(s, "entries", s.entries(myvault.TrailFilter{}), len(want)) {
			wantEqual(s, fmt.Sprintf("destroyed, by entry %d of %s", e.Seq, e.Chain), fmt.Sprint(e.Destroyed), want[i])
		}
	}),
	trailClause("record/appends", "Record appends to the access chain, which has its own sequence.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"))
		s.record(accessEntry("read", "newsbot/a", 100))
		s.record(accessEntry("read", "newsbot/b", 101))
		for i, e := range wantLen(s, "entries", s.entries(myvault.TrailFilter{Action: "read"}), 2) {
			wantEqual(s, "chain", e.Chain, myvault.ChainAccess)
			wantEqual(s, "sequence", e.Seq, uint64(2-i))
		}
	}),
	trailClause("record/fields", "A recorded entry keeps every field that the vault wrote.", func(s *scenario) {
		want := accessEntry("read", "newsbot/prod/db", 0)
		want.Service, want.Via, want.Request, want.Remote = "", "header", "01J9-abc", "192.0.2.7"
		want.Action, want.Version, want.Outcome, want.Count = "login", 7, myvault.OutcomeUnauthenticated, 12
		want.Last = want.At.Add(3 * time.Second)
		s.record(want)
		got := wantLen(s, "entries", s.entries(myvault.TrailFilter{}), 1)
		wantEntry(s, got[0], want)
		wantEqual(s, "version", got[0].Version, 7)
	}),
	trailClause("record/outcomes", "Entries of every outcome are stored unchanged.", func(s *scenario) {
		outcomes := []myvault.Outcome{
			myvault.OutcomeOK, myvault.OutcomeBegun, myvault.OutcomeDenied, myvault.OutcomeUnauthenticated,
			myvault.OutcomeNotFound, myvault.OutcomeRefused, myvault.OutcomeUnknown, myvault.OutcomeError,
		}
		for i, outcome := range outcomes {
			e := accessEntry("read", "newsbot/a", i)
			e.Outcome = outcome
			s.record(e)
		}
		slices.Reverse(outcomes)
		for i, e := range wantLen(s, "entries", s.entries(myvault.TrailFilter{}), len(outcomes)) {
			wantEqual(s, fmt.Sprintf("outcome of entry %d", e.Seq), e.Outcome, outcomes[i])
		}
	}),
	trailClause("record/several", "Record of several entries appends all in order.", func(s *scenario) {
		s.record(accessEntry("read", "newsbot/a", 1), accessEntry("list", "newsbot", 1), accessEntry("read", "newsbot/c", 1))
		s.wantEntries(myvault.TrailFilter{}, "access 3 read newsbot/c", "access 2 list newsbot", "access 1 read newsbot/a")
	}),
	trailClause("record/no-address", "An entry may have no address, or only a project.", func(s *scenario) {
		s.record(entry(startTime, "login", myvault.Address{}), entry(startTime, "list", myvault.Address{Project: "newsbot"}))
		got := wantLen(s, "entries", s.entries(myvault.TrailFilter{}), 2)
		wantEqual(s, "address", got[1].Address, myvault.Address{})
		wantEqual(s, "address", got[0].Address, myvault.Address{Project: "newsbot"})
	}),
	trailClause("record/seen", "An access entry contains the sequence number of the newest change at its time.", func(s *scenario) {
		s.record(accessEntry("read", "newsbot/a", 0))
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"))
		s.record(accessEntry("read", "newsbot/a", 100))
		s.do(put("newsbot/a", "3"))
		s.record(accessEntry("read", "newsbot/a", 200))
		want := []uint64{3, 2, 0}
		for i, e := range wantLen(s, "entries", s.entries(myvault.TrailFilter{Action: "read"}), len(want)) {
			wantEqual(s, fmt.Sprintf("change seen by entry %d", e.Seq), e.Seen, want[i])
		}
	}),
	trailClause("record/not-a-change", "Record changes no secret and no project.", func(s *scenario) {
		s.record(accessEntry("write", "newsbot/a", 0))
		s.wantGetError(myvault.ErrNotFound, "newsbot/a", 0)
		s.wantProjects()
	}),
}

// recordSample makes two changes and records six accesses.
func (s *scenario) recordSample() {
	other := accessEntry("read", "newsbot/prod/db", 20)
	other.Service = "myscheduler"
	denied := accessEntry("read", "common/prod/db", 30)
	denied.Outcome = myvault.OutcomeDenied
	s.do(put("newsbot/prod/db", "1"), put("newsbot/production/x", "1"))
	s.record(accessEntry("read", "newsbot/prod/db", 10), other, denied,
		accessEntry("list", "newsbot/prod", 40), accessEntry("read", "newsbot/production/x", 50), entry(startTime.Add(60*time.Millisecond), "login", myvault.Address{}))
}

var filterClauses = []Clause{
	trailClause("filter/all", "The zero TrailFilter selects every entry.", func(s *scenario) {
		s.recordSample()
		wantEqual(s, "entries", len(s.entries(myvault.TrailFilter{})), 8)
	}),
	trailClause("filter/prefix", "A prefix selects entries by whole segments.", func(s *scenario) {
		s.recordSample()
		s.wantEntries(myvault.TrailFilter{Prefix: myvault.Prefix{Project: "newsbot", Path: "prod"}},
			"access 4 list newsbot/prod", "access 2 read newsbot/prod/db", "access 1 read newsbot/prod/db", "changes 1 write newsbot/prod/db")
		s.wantEntries(myvault.TrailFilter{Prefix: myvault.Prefix{Project: "newsbot", Path: "prod/"}},
			"access 2 read newsbot/prod/db", "access 1 read newsbot/prod/db", "changes 1 write newsbot/prod/db")
		s.wantEntries(myvault.TrailFilter{Prefix: myvault.Prefix{Project: "common"}}, "access 3 read common/prod/db")
	}),
	trailClause("filter/service", "A service selects only its entries.", func(s *scenario) {
		s.recordSample()
		s.wantEntries(myvault.TrailFilter{Service: "myscheduler"}, "access 2 read newsbot/prod/db")
		s.wantEntries(myvault.TrailFilter{Service: "nobody"})
	}),
	trailClause("filter/action", "An action selects its entries in both chains.", func(s *scenario) {
		s.recordSample()
		s.wantEntries(myvault.TrailFilter{Action: "list"}, "access 4 list newsbot/prod")
		s.wantEntries(myvault.TrailFilter{Action: "write"}, "changes 2 write newsbot/production/x", "changes 1 write newsbot/prod/db")
	}),
	trailClause("filter/outcome", "An outcome selects its entries.", func(s *scenario) {
		s.recordSample()
		s.wantEntries(myvault.TrailFilter{Outcome: myvault.OutcomeDenied}, "access 3 read common/prod/db")
	}),
	trailClause("filter/since", "Since is inclusive.", func(s *scenario) {
		s.recordSample()
		s.wantEntries(myvault.TrailFilter{Since: startTime.Add(50 * time.Millisecond)}, "access 6 login ", "access 5 read newsbot/production/x")
		s.wantEntries(myvault.TrailFilter{Since: startTime.Add(50*time.Millisecond + time.Microsecond)}, "access 6 login ")
	}),
	trailClause("filter/until", "Until is exclusive.", func(s *scenario) {
		s.recordSample()
		s.wantEntries(myvault.TrailFilter{Until: startTime.Add(10*time.Millisecond + time.Microsecond), Action: "read"}, "access 1 read newsbot/prod/db")
		s.wantEntries(myvault.TrailFilter{Until: startTime.Add(10 * time.Millisecond), Action: "read"})
	}),
	trailClause("filter/combined", "Filters can be combined.", func(s *scenario) {
		s.recordSample()
		s.wantEntries(myvault.TrailFilter{
			Prefix: myvault.Prefix{Project: "newsbot", Path: "prod"}, Service: author, Action: "read", Outcome: myvault.OutcomeOK,
			Since: startTime, Until: startTime.Add(time.Second),
		}, "access 1 read newsbot/prod/db")
	}),
	trailClause("filter/before", "Before selects older entries in each chain that it contains.", func(s *scenario) {
		s.recordSample()
		s.wantEntries(myvault.TrailFilter{Before: myvault.Cursor{myvault.ChainAccess: 3, myvault.ChainChanges: 2}},
			"access 2 read newsbot/prod/db", "access 1 read newsbot/prod/db", "changes 1 write newsbot/prod/db")
		s.wantEntries(myvault.TrailFilter{Before: myvault.Cursor{myvault.ChainAccess: 1, myvault.ChainChanges: 1}})
	}),
	trailClause("filter/before-one", "A chain that Before does not contain starts at its newest entry.", func(s *scenario) {
		s.recordSample()
		s.wantEntries(myvault.TrailFilter{Before: myvault.Cursor{myvault.ChainAccess: 2}},
			"access 1 read newsbot/prod/db", "changes 2 write newsbot/production/x", "changes 1 write newsbot/prod/db")
	}),
	trailClause("filter/before-beyond", "Before may be greater than the newest sequence number.", func(s *scenario) {
		s.recordSample()
		beyond := myvault.Cursor{myvault.ChainAccess: 1 << 40, myvault.ChainChanges: 1 << 40}
		wantEqual(s, "entries", len(s.entries(myvault.TrailFilter{Before: beyond})), 8)
	}),
	trailClause("filter/pages", "Pages that each begin before the last entries seen yield every entry once.", func(s *scenario) {
		s.recordSample()
		seen := map[string]bool{}
		for position := (myvault.Cursor{}); ; {
			page := s.entries(myvault.TrailFilter{Before: position})
			if len(page) == 0 {
				break
			}
			for _, e := range page[:min(3, len(page))] {
				key := e.Chain + string(rune('0'+e.Seq))
				wantEqual(s, "seen before: "+key, seen[key], false)
				seen[key] = true
				position[e.Chain] = e.Seq
			}
		}
		wantEqual(s, "entries", len(seen), 8)
	}),
}
