package providertest

import (
	"strings"
	"sync"

	"github.com/myswiftagent/myvault"
)

// putAndClose puts a secret and closes the provider.
func (s *scenario) putAndClose() {
	s.do(put("newsbot/a", "1"))
	s.noError("close", s.p.Close())
}

// isClosed reports whether done is closed.
func isClosed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

var closeClauses = []Clause{
	clause("close/twice", "A second Close returns nil.", func(s *scenario) {
		s.putAndClose()
		s.noError("a second close", s.p.Close())
		s.noError("a third close", s.p.Close())
	}),
	clause("close/get", "Get after Close returns ErrClosed.", func(s *scenario) {
		s.putAndClose()
		s.wantGetError(myvault.ErrClosed, "newsbot/a", 0)
	}),
	clause("close/apply", "Apply after Close returns ErrClosed.", func(s *scenario) {
		s.putAndClose()
		s.wantRefused(myvault.ErrClosed, put("newsbot/a", "2"))
		s.wantRefused(myvault.ErrClosed, project("newsbot", "new"))
	}),
	clause("close/list", "List after Close yields ErrClosed, once.", func(s *scenario) {
		s.putAndClose()
		s.wantError("list", onlyError(s, "list", s.p.List(s.ctx, myvault.ListOptions{})), myvault.ErrClosed)
	}),
	clause("close/versions", "Versions after Close yields ErrClosed, once.", func(s *scenario) {
		s.putAndClose()
		s.wantError("versions", onlyError(s, "versions", s.p.Versions(s.ctx, address("newsbot/a"), 0)), myvault.ErrClosed)
	}),
	clause("close/projects", "Projects after Close yields ErrClosed, once.", func(s *scenario) {
		s.putAndClose()
		s.wantError("projects", onlyError(s, "projects", s.p.Projects(s.ctx, "")), myvault.ErrClosed)
	}),
	clause("close/ping", "Ping after Close returns ErrClosed.", func(s *scenario) {
		s.putAndClose()
		s.wantError("ping", s.p.Ping(s.ctx), myvault.ErrClosed)
	}),
	trailClause("close/record", "Record after Close returns ErrClosed.", func(s *scenario) {
		s.putAndClose()
		err := s.p.(myvault.Trail).Record(s.ctx, accessEntry("read", "newsbot/a", 0))
		s.wantError("record", err, myvault.ErrClosed)
	}),
	trailClause("close/entries", "Entries after Close yields ErrClosed, once.", func(s *scenario) {
		s.putAndClose()
		err := onlyError(s, "entries", s.p.(myvault.Trail).Entries(s.ctx, myvault.TrailFilter{}))
		s.wantError("entries", err, myvault.ErrClosed)
	}),
	auditorClause("close/heads", "Heads after Close returns ErrClosed.", func(s *scenario) {
		s.putAndClose()
		_, err := s.p.(myvault.Auditor).Heads(s.ctx)
		s.wantError("heads", err, myvault.ErrClosed)
	}),
	clause("close/concurrent", "Calls concurrent with Close succeed or return ErrClosed.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		var reading sync.WaitGroup // until each caller has read once, so that none starts after Close
		reading.Add(callers - 1)
		closed := make(chan struct{})
		errs := concurrently(callers, func(i int) error {
			if i == 0 {
				defer close(closed)
				reading.Wait()
				return s.p.Close()
			}
			_, err := s.p.Get(s.ctx, address("newsbot/a"), 0)
			reading.Done()
			for err == nil && !isClosed(closed) {
				_, err = s.p.Get(s.ctx, address("newsbot/a"), 0)
			}
			return err
		})
		s.noError("close", errs[0])
		for _, err := range errs[1:] {
			if err != nil {
				s.wantError("a get during close", err, myvault.ErrClosed)
			}
		}
	}),
	clause("incarnation/stable", "The incarnation consists of letters and digits, and is the same at every call.", func(s *scenario) {
		name := s.p.(myvault.Incarnation).Incarnation()
		const plain = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		wantEqual(s, "the name is empty", name == "", false)
		wantEqual(s, "other characters in it", strings.Trim(name, plain), "")
		s.do(put("newsbot/a", "1"))
		wantEqual(s, "incarnation after a put", s.p.(myvault.Incarnation).Incarnation(), name)
	}, Incarnation),
}

var persistentClauses = []Clause{
	clause("reopen/secrets", "Secrets, versions, states and times persist after Close.", func(s *scenario) {
		s.putThree()
		s.do(putWithTimes("newsbot/b", "dated", soon, later), put("newsbot/c", "1"), remove("newsbot/c"), destroy("newsbot/prod/db", 2))
		want := s.versions("newsbot/prod/db")
		s.reopen()
		s.wantValue("newsbot/prod/db", 0, "three")
		s.wantValue("newsbot/prod/db", 1, "one")
		s.wantGetError(myvault.ErrDestroyed, "newsbot/prod/db", 2)
		s.wantGetError(myvault.ErrNotFound, "newsbot/c", 0)
		wantTimes(s, s.get("newsbot/b", 0).Info, soon, later)
		for i, got := range wantLen(s, "versions", s.versions("newsbot/prod/db"), len(want)) {
			wantEqual(s, "state", got.State, want[i].State)
			wantTime(s, "time", got.At, want[i].At)
			wantEqual(s, "author", got.By, want[i].By)
		}
		s.wantListed(myvault.ListOptions{}, "newsbot/b", "newsbot/prod/db")
		s.wantListed(myvault.ListOptions{Deleted: true}, "newsbot/c")
	}, Persistent),
	clause("reopen/numbers", "Version numbers continue after Close, also for deleted and destroyed versions.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"), remove("newsbot/b"), put("newsbot/c", "1"), destroy("newsbot/c"))
		s.reopen()
		for _, addr := range []string{"newsbot/a", "newsbot/b", "newsbot/c"} {
			wantEqual(s, "version of "+addr, s.do(put(addr, "2")).Version, 2)
		}
	}, Persistent),
	clause("reopen/undelete", "A secret deleted before Close can be undeleted after reopening.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), remove("newsbot/a"))
		s.reopen()
		s.do(undelete("newsbot/a"))
		s.wantValue("newsbot/a", 0, "1")
	}, Persistent),
	clause("reopen/projects", "The register of projects persists after Close.", func(s *scenario) {
		s.do(project("newsbot", "mine"), project("common", ""), makeDefault("newsbot"), project("gone", ""), removeProject("gone"))
		want := s.project("newsbot")
		s.reopen()
		s.wantProjects("common", "*newsbot")
		got := s.project("newsbot")
		wantEqual(s, "description", got.Description, "mine")
		wantTime(s, "time", got.At, want.At)
		wantEqual(s, "author", got.By, want.By)
	}, Persistent),
	clause("reopen/trail", "Both chains persist after Close, and their sequences continue.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		s.record(accessEntry("read", "newsbot/a", 500))
		s.reopen()
		s.commits.Add(1000)
		s.do(put("newsbot/a", "2"))
		s.record(accessEntry("read", "newsbot/a", 1500))
		s.wantEntries(myvault.TrailFilter{}, "access 2 read newsbot/a", "changes 2 write newsbot/a", "access 1 read newsbot/a", "changes 1 write newsbot/a")
		wantEqual(s, "change seen", wantLen(s, "entries", s.entries(myvault.TrailFilter{}), 4)[0].Seen, 2)
	}, Persistent, Trail),
	clause("reopen/heads", "The heads are the same after reopening.", func(s *scenario) {
		s.bothChains(func(string) {})
		changes, access := s.head(myvault.ChainChanges), s.head(myvault.ChainAccess)
		s.reopen()
		wantEqual(s, "MAC of the head of changes", string(s.head(myvault.ChainChanges).MAC), string(changes.MAC))
		wantEqual(s, "MAC of the head of accesses", string(s.head(myvault.ChainAccess).MAC), string(access.MAC))
	}, Persistent, Trail, Auditor),
	clause("reopen/incarnation", "The incarnation is the same after reopening.", func(s *scenario) {
		name := s.p.(myvault.Incarnation).Incarnation()
		s.reopen()
		wantEqual(s, "incarnation", s.p.(myvault.Incarnation).Incarnation(), name)
	}, Persistent, Incarnation),
	clause("reopen/seen", "An access entry after reopening refers to the newest change from before.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"))
		s.reopen()
		s.record(accessEntry("read", "newsbot/a", 500))
		wantEqual(s, "change seen", wantLen(s, "entries", s.entries(myvault.TrailFilter{Action: "read"}), 1)[0].Seen, 2)
	}, Persistent, Trail),
}
