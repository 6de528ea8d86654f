package providertest

import (
	"fmt"
	"slices"
	"time"

	"github.com/myswiftagent/myvault"
)

// onTrail makes a clause about the trail of a provider that is one.
func onTrail(name, promise string, play func(*stage)) Clause {
	return clause(name, promise, play, Trail)
}

// accessEntry is the entry of a read, some milliseconds after begin.
func accessEntry(action, addr string, ms int) myvault.Entry {
	return entry(begin.Add(time.Duration(ms)*time.Millisecond), action, at(addr))
}

var trailClauses = []Clause{
	onTrail("trail/empty", "A new trail is empty, without an error.", func(s *stage) {
		s.trail(myvault.TrailFilter{})
	}),
	onTrail("trail/change", "Each change leaves one entry in the chain of changes.", func(s *stage) {
		s.do(put("newsbot/a", "1"), remove("newsbot/a"), undelete("newsbot/a"), destroy("newsbot/a", 1),
			project("common", ""), makeDefault("common"), removeProject("common"))
		s.trail(myvault.TrailFilter{},
			"changes 7 project-delete common", "changes 6 project-default common", "changes 5 project-write common",
			"changes 4 destroy newsbot/a", "changes 3 undelete newsbot/a", "changes 2 delete newsbot/a", "changes 1 write newsbot/a")
	}),
	onTrail("trail/version", "The entry of a change names the version that the change made or marked, 0 for a project.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"), remove("newsbot/a"), undelete("newsbot/a"), destroy("newsbot/a", 1), project("newsbot", "mine"))
		want := []myvault.Version{0, 1, 2, 2, 2, 1}
		for i, e := range counted(s, "entries", s.entries(myvault.TrailFilter{}), len(want)) {
			same(s, fmt.Sprintf("version of entry %d", e.Seq), e.Version, want[i])
		}
	}),
	onTrail("trail/carries", "An entry of a change carries what the vault wrote: time, service, how, request, action, address, outcome and count.", func(s *stage) {
		c := s.commit(put("newsbot/a", "1"))
		c.By = "myscheduler"
		c.Entries[0].Service, c.Entries[0].Via, c.Entries[0].Request = "myscheduler", "header", "01J9-abc"
		_, err := s.p.Apply(s.ctx, c)
		s.succeeds("put", err)
		sameEntry(s, counted(s, "entries", s.entries(myvault.TrailFilter{}), 1)[0], c.Entries[0])
	}),
	onTrail("trail/destroy", "A Destroy of several versions leaves one entry, which names the newest of them.", func(s *stage) {
		s.three()
		s.do(destroy("newsbot/prod/db", 1, 2), destroy("newsbot/prod/db"))
		got := counted(s, "entries", s.entries(myvault.TrailFilter{}), 5)
		same(s, "version", got[1].Version, 2)
		same(s, "version", got[0].Version, 3)
	}),
	onTrail("trail/without-entries", "A commit without entries leaves one for each change all the same, in the name of its author.", func(s *stage) {
		c := s.commit(put("newsbot/a", "1"))
		c.Entries = nil
		_, err := s.p.Apply(s.ctx, c)
		s.succeeds("put", err)
		want := entry(c.At, "write", at("newsbot/a"))
		want.Via, want.Request = "", ""
		got := counted(s, "entries", s.entries(myvault.TrailFilter{}), 1)
		sameEntry(s, got[0], want)
		same(s, "version", got[0].Version, 1)
	}),
	onTrail("trail/refused", "A change that is refused leaves no entry.", func(s *stage) {
		s.do(put("newsbot/a", "1"))
		s.refuses(myvault.ErrExists, put("newsbot/a", "2", myvault.IfAbsent()))
		s.refuses(myvault.ErrNotFound, remove("newsbot/b"))
		s.trail(myvault.TrailFilter{}, "changes 1 write newsbot/a")
		s.do(put("newsbot/a", "2"))
		s.trail(myvault.TrailFilter{}, "changes 2 write newsbot/a", "changes 1 write newsbot/a")
	}),
	clause("trail/commit", "A commit leaves the entries of its changes, in their order.", func(s *stage) {
		s.doAll(put("newsbot/a", "1"), put("newsbot/b", "1"), put("newsbot/a", "2"), project("common", ""))
		s.trail(myvault.TrailFilter{}, "changes 4 project-write common", "changes 3 write newsbot/a", "changes 2 write newsbot/b", "changes 1 write newsbot/a")
		same(s, "version of the third", counted(s, "entries", s.entries(myvault.TrailFilter{}), 4)[1].Version, 2)
	}, Trail, ManyChanges),
	clause("trail/refused-commit", "A refused commit leaves no entry and uses no sequence.", func(s *stage) {
		s.do(put("newsbot/a", "1"))
		s.refuses(myvault.ErrNotFound, put("newsbot/b", "1"), put("newsbot/c", "1"), remove("newsbot/never"))
		s.do(put("newsbot/a", "2"))
		s.trail(myvault.TrailFilter{}, "changes 2 write newsbot/a", "changes 1 write newsbot/a")
	}, Trail, ManyChanges),
	onTrail("trail/no-reads", "Reading, listing and asking for entries leave no entry of themselves.", func(s *stage) {
		s.do(put("newsbot/a", "1"))
		s.reads("newsbot/a", 0, "1")
		s.listed(myvault.ListOptions{})
		s.history("newsbot/a", "1 live")
		s.registered("newsbot")
		s.trail(myvault.TrailFilter{}, "changes 1 write newsbot/a")
		s.trail(myvault.TrailFilter{}, "changes 1 write newsbot/a")
	}),
	onTrail("trail/newest-first", "Entries come newest first, the two chains merged by falling time.", func(s *stage) {
		s.record(accessEntry("read", "newsbot/z", -500))
		s.do(put("newsbot/a", "1"))
		s.record(accessEntry("read", "newsbot/a", 500))
		s.commits.Add(1000)
		s.do(put("newsbot/a", "2"))
		s.record(accessEntry("read", "newsbot/a", 1500), accessEntry("list", "newsbot", 1501))
		s.trail(myvault.TrailFilter{}, "access 4 list newsbot", "access 3 read newsbot/a", "changes 2 write newsbot/a",
			"access 2 read newsbot/a", "changes 1 write newsbot/a", "access 1 read newsbot/z")
	}),
	onTrail("trail/clock-back", "Within a chain the order is that of the sequence, even when the clock went back.", func(s *stage) {
		s.record(accessEntry("read", "newsbot/a", 900), accessEntry("read", "newsbot/b", 100), accessEntry("read", "newsbot/c", 500))
		s.trail(myvault.TrailFilter{}, "access 3 read newsbot/c", "access 2 read newsbot/b", "access 1 read newsbot/a")
	}),
	onTrail("trail/many", "A long trail comes whole, each entry once.", func(s *stage) {
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
			same(s, "sequence in "+e.Chain, e.Seq, next[e.Chain])
			next[e.Chain]--
		}
		same(s, "access entries left out", next[myvault.ChainAccess], 0)
		same(s, "change entries left out", next[myvault.ChainChanges], 0)
	}),
}

// sameEntry compares what the vault wrote in an entry.
func sameEntry(s *stage, got, want myvault.Entry) {
	sameTime(s, "time", got.At, want.At)
	sameTime(s, "first", got.First, want.First)
	sameTime(s, "last", got.Last, want.Last)
	same(s, "service", got.Service, want.Service)
	same(s, "via", got.Via, want.Via)
	same(s, "request", got.Request, want.Request)
	same(s, "remote", got.Remote, want.Remote)
	same(s, "action", got.Action, want.Action)
	same(s, "address", got.Address, want.Address)
	same(s, "outcome", got.Outcome, want.Outcome)
	same(s, "count", got.Count, want.Count)
}

var recordClauses = []Clause{
	onTrail("trail/destroyed", "The entry of a destroy tells which versions it named, and no other entry does.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"), put("newsbot/a", "3"), put("newsbot/a", "4"), put("newsbot/a", "5"))
		s.do(destroy("newsbot/a", 4, 1, 2, 1))
		s.do(destroy("newsbot/a", 3))
		s.do(destroy("newsbot/a"))
		read := accessEntry("read", "newsbot/a", 100)
		read.Destroyed = []myvault.VersionRange{{First: 1, Last: 2}}
		s.record(read)
		want := []string{"[]", "[{1 5}]", "[{3 3}]", "[{1 2} {4 4}]", "[]", "[]", "[]", "[]", "[]"}
		for i, e := range counted(s, "entries", s.entries(myvault.TrailFilter{}), len(want)) {
			same(s, fmt.Sprintf("destroyed, by entry %d of %s", e.Seq, e.Chain), fmt.Sprint(e.Destroyed), want[i])
		}
	}),
	onTrail("record/appends", "Record appends to the chain of access entries, with its own sequence.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"))
		s.record(accessEntry("read", "newsbot/a", 100))
		s.record(accessEntry("read", "newsbot/b", 101))
		for i, e := range counted(s, "entries", s.entries(myvault.TrailFilter{Action: "read"}), 2) {
			same(s, "chain", e.Chain, myvault.ChainAccess)
			same(s, "sequence", e.Seq, uint64(2-i))
		}
	}),
	onTrail("record/carries", "A recorded entry carries every field that the vault wrote.", func(s *stage) {
		want := accessEntry("read", "newsbot/prod/db", 0)
		want.Service, want.Via, want.Request, want.Remote = "", "header", "01J9-abc", "192.0.2.7"
		want.Action, want.Version, want.Outcome, want.Count = "login", 7, myvault.OutcomeUnauthenticated, 12
		want.Last = want.At.Add(3 * time.Second)
		s.record(want)
		got := counted(s, "entries", s.entries(myvault.TrailFilter{}), 1)
		sameEntry(s, got[0], want)
		same(s, "version", got[0].Version, 7)
	}),
	onTrail("record/outcomes", "Entries of every outcome are kept as they are.", func(s *stage) {
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
		for i, e := range counted(s, "entries", s.entries(myvault.TrailFilter{}), len(outcomes)) {
			same(s, fmt.Sprintf("outcome of entry %d", e.Seq), e.Outcome, outcomes[i])
		}
	}),
	onTrail("record/several", "Record of several entries appends all, in their order.", func(s *stage) {
		s.record(accessEntry("read", "newsbot/a", 1), accessEntry("list", "newsbot", 1), accessEntry("read", "newsbot/c", 1))
		s.trail(myvault.TrailFilter{}, "access 3 read newsbot/c", "access 2 list newsbot", "access 1 read newsbot/a")
	}),
	onTrail("record/no-address", "An entry may have no address, or a project alone.", func(s *stage) {
		s.record(entry(begin, "login", myvault.Address{}), entry(begin, "list", myvault.Address{Project: "newsbot"}))
		got := counted(s, "entries", s.entries(myvault.TrailFilter{}), 2)
		same(s, "address", got[1].Address, myvault.Address{})
		same(s, "address", got[0].Address, myvault.Address{Project: "newsbot"})
	}),
	onTrail("record/seen", "An access entry names the newest change that was there when it was recorded.", func(s *stage) {
		s.record(accessEntry("read", "newsbot/a", 0))
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"))
		s.record(accessEntry("read", "newsbot/a", 100))
		s.do(put("newsbot/a", "3"))
		s.record(accessEntry("read", "newsbot/a", 200))
		want := []uint64{3, 2, 0}
		for i, e := range counted(s, "entries", s.entries(myvault.TrailFilter{Action: "read"}), len(want)) {
			same(s, fmt.Sprintf("change seen by entry %d", e.Seq), e.Seen, want[i])
		}
	}),
	onTrail("record/not-a-change", "Record changes no secret and no project.", func(s *stage) {
		s.record(accessEntry("write", "newsbot/a", 0))
		s.hides(myvault.ErrNotFound, "newsbot/a", 0)
		s.registered()
	}),
}
