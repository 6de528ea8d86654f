package providertest

import (
	"strings"
	"sync"

	"github.com/myswiftagent/myvault"
)

// closed puts a secret and closes the provider.
func (s *stage) closed() {
	s.do(put("newsbot/a", "1"))
	s.succeeds("close", s.p.Close())
}

// over reports whether done was closed.
func over(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

var closeClauses = []Clause{
	clause("close/twice", "A second Close gives nil.", func(s *stage) {
		s.closed()
		s.succeeds("a second close", s.p.Close())
		s.succeeds("a third close", s.p.Close())
	}),
	clause("close/get", "Get after Close is ErrClosed.", func(s *stage) {
		s.closed()
		s.hides(myvault.ErrClosed, "newsbot/a", 0)
	}),
	clause("close/apply", "Apply after Close is ErrClosed.", func(s *stage) {
		s.closed()
		s.refuses(myvault.ErrClosed, put("newsbot/a", "2"))
		s.refuses(myvault.ErrClosed, project("newsbot", "new"))
	}),
	clause("close/list", "List after Close yields ErrClosed, once.", func(s *stage) {
		s.closed()
		s.fails("list", onlyError(s, "list", s.p.List(s.ctx, myvault.ListOptions{})), myvault.ErrClosed)
	}),
	clause("close/versions", "Versions after Close yields ErrClosed, once.", func(s *stage) {
		s.closed()
		s.fails("versions", onlyError(s, "versions", s.p.Versions(s.ctx, at("newsbot/a"), 0)), myvault.ErrClosed)
	}),
	clause("close/projects", "Projects after Close yields ErrClosed, once.", func(s *stage) {
		s.closed()
		s.fails("projects", onlyError(s, "projects", s.p.Projects(s.ctx, "")), myvault.ErrClosed)
	}),
	clause("close/ping", "Ping after Close is ErrClosed.", func(s *stage) {
		s.closed()
		s.fails("ping", s.p.Ping(s.ctx), myvault.ErrClosed)
	}),
	onTrail("close/record", "Record after Close is ErrClosed.", func(s *stage) {
		s.closed()
		err := s.p.(myvault.Trail).Record(s.ctx, accessEntry("read", "newsbot/a", 0))
		s.fails("record", err, myvault.ErrClosed)
	}),
	onTrail("close/entries", "Entries after Close yields ErrClosed, once.", func(s *stage) {
		s.closed()
		err := onlyError(s, "entries", s.p.(myvault.Trail).Entries(s.ctx, myvault.TrailFilter{}))
		s.fails("entries", err, myvault.ErrClosed)
	}),
	audited("close/heads", "Heads after Close is ErrClosed.", func(s *stage) {
		s.closed()
		_, err := s.p.(myvault.Auditor).Heads(s.ctx)
		s.fails("heads", err, myvault.ErrClosed)
	}),
	clause("close/beside", "Close beside other calls lets each succeed or be ErrClosed.", func(s *stage) {
		s.do(put("newsbot/a", "1"))
		var reading sync.WaitGroup // until each racer has read once, so that none begins behind Close
		reading.Add(racers - 1)
		closed := make(chan struct{})
		errs := together(racers, func(i int) error {
			if i == 0 {
				defer close(closed)
				reading.Wait()
				return s.p.Close()
			}
			_, err := s.p.Get(s.ctx, at("newsbot/a"), 0)
			reading.Done()
			for err == nil && !over(closed) {
				_, err = s.p.Get(s.ctx, at("newsbot/a"), 0)
			}
			return err
		})
		s.succeeds("close", errs[0])
		for _, err := range errs[1:] {
			if err != nil {
				s.fails("a get beside close", err, myvault.ErrClosed)
			}
		}
	}),
	clause("incarnation/named", "The incarnation is letters and digits, and the same at every call.", func(s *stage) {
		name := s.p.(myvault.Incarnation).Incarnation()
		const plain = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		same(s, "the name is empty", name == "", false)
		same(s, "other characters in it", strings.Trim(name, plain), "")
		s.do(put("newsbot/a", "1"))
		same(s, "incarnation after a put", s.p.(myvault.Incarnation).Incarnation(), name)
	}, Incarnation),
}

var persistentClauses = []Clause{
	clause("reopen/secrets", "Secrets, versions, states and times outlive Close.", func(s *stage) {
		s.three()
		s.do(dated("newsbot/b", "dated", soon, later), put("newsbot/c", "1"), remove("newsbot/c"), destroy("newsbot/prod/db", 2))
		want := s.versions("newsbot/prod/db")
		s.reopen()
		s.reads("newsbot/prod/db", 0, "three")
		s.reads("newsbot/prod/db", 1, "one")
		s.hides(myvault.ErrDestroyed, "newsbot/prod/db", 2)
		s.hides(myvault.ErrNotFound, "newsbot/c", 0)
		sameTimes(s, s.get("newsbot/b", 0).Info, soon, later)
		for i, got := range counted(s, "versions", s.versions("newsbot/prod/db"), len(want)) {
			same(s, "state", got.State, want[i].State)
			sameTime(s, "time", got.At, want[i].At)
			same(s, "author", got.By, want[i].By)
		}
		s.lists(myvault.ListOptions{}, "newsbot/b", "newsbot/prod/db")
		s.lists(myvault.ListOptions{Deleted: true}, "newsbot/c")
	}, Persistent),
	clause("reopen/numbers", "Version numbers count on after Close, deleted and destroyed ones included.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"), remove("newsbot/b"), put("newsbot/c", "1"), destroy("newsbot/c"))
		s.reopen()
		for _, addr := range []string{"newsbot/a", "newsbot/b", "newsbot/c"} {
			same(s, "version of "+addr, s.do(put(addr, "2")).Version, 2)
		}
	}, Persistent),
	clause("reopen/undelete", "What was deleted before Close can be undeleted after it.", func(s *stage) {
		s.do(put("newsbot/a", "1"), remove("newsbot/a"))
		s.reopen()
		s.do(undelete("newsbot/a"))
		s.reads("newsbot/a", 0, "1")
	}, Persistent),
	clause("reopen/projects", "The register of projects outlives Close.", func(s *stage) {
		s.do(project("newsbot", "mine"), project("common", ""), makeDefault("newsbot"), project("gone", ""), removeProject("gone"))
		want := s.project("newsbot")
		s.reopen()
		s.registered("common", "*newsbot")
		got := s.project("newsbot")
		same(s, "description", got.Description, "mine")
		sameTime(s, "time", got.At, want.At)
		same(s, "author", got.By, want.By)
	}, Persistent),
	clause("reopen/trail", "Both chains outlive Close, and their sequences count on.", func(s *stage) {
		s.do(put("newsbot/a", "1"))
		s.record(accessEntry("read", "newsbot/a", 500))
		s.reopen()
		s.commits.Add(1000)
		s.do(put("newsbot/a", "2"))
		s.record(accessEntry("read", "newsbot/a", 1500))
		s.trail(myvault.TrailFilter{}, "access 2 read newsbot/a", "changes 2 write newsbot/a", "access 1 read newsbot/a", "changes 1 write newsbot/a")
		same(s, "change seen", counted(s, "entries", s.entries(myvault.TrailFilter{}), 4)[0].Seen, 2)
	}, Persistent, Trail),
	clause("reopen/heads", "The heads are the same after Close.", func(s *stage) {
		s.bothChains(func(string) {})
		changes, access := s.head(myvault.ChainChanges), s.head(myvault.ChainAccess)
		s.reopen()
		same(s, "MAC of the head of changes", string(s.head(myvault.ChainChanges).MAC), string(changes.MAC))
		same(s, "MAC of the head of accesses", string(s.head(myvault.ChainAccess).MAC), string(access.MAC))
	}, Persistent, Trail, Auditor),
	clause("reopen/incarnation", "The incarnation is the same after Close.", func(s *stage) {
		name := s.p.(myvault.Incarnation).Incarnation()
		s.reopen()
		same(s, "incarnation", s.p.(myvault.Incarnation).Incarnation(), name)
	}, Persistent, Incarnation),
	clause("reopen/seen", "An access entry after reopening names the newest change from before.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"))
		s.reopen()
		s.record(accessEntry("read", "newsbot/a", 500))
		same(s, "change seen", counted(s, "entries", s.entries(myvault.TrailFilter{Action: "read"}), 1)[0].Seen, 2)
	}, Persistent, Trail),
}
