package providertest

import (
	"context"
	"time"

	"github.com/myswiftagent/myvault"
)

// cancelled gives a context that has ended.
func (s *stage) cancelled() context.Context {
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	return ctx
}

var contextClauses = []Clause{
	clause("context/get", "Get with a cancelled context gives its error.", func(s *stage) {
		s.do(put("newsbot/a", "1"))
		_, err := s.p.Get(s.cancelled(), at("newsbot/a"), 0)
		s.fails("get", err, context.Canceled)
		s.reads("newsbot/a", 0, "1")
	}),
	clause("context/put", "A Put with a cancelled context gives its error and changes nothing.", func(s *stage) {
		s.do(put("newsbot/a", "1"))
		_, err := s.p.Apply(s.cancelled(), s.commit(put("newsbot/a", "2")))
		s.fails("put", err, context.Canceled)
		_, err = s.p.Apply(s.cancelled(), s.commit(put("common/b", "1")))
		s.fails("put", err, context.Canceled)
		s.history("newsbot/a", "1 live")
		s.registered("newsbot")
		s.lists(myvault.ListOptions{}, "newsbot/a")
	}),
	clause("context/changes", "No kind of change is made with a cancelled context.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"), remove("newsbot/b"), project("common", "old"))
		for _, change := range []myvault.Change{
			remove("newsbot/a"), undelete("newsbot/b"), destroy("newsbot/a"),
			project("common", "new"), makeDefault("common"), removeProject("common"),
		} {
			_, err := s.p.Apply(s.cancelled(), s.commit(change))
			s.fails(change.Op.String(), err, context.Canceled)
		}
		s.history("newsbot/a", "1 live")
		s.history("newsbot/b", "1 deleted")
		s.registered("common", "newsbot")
		same(s, "description", s.project("common").Description, "old")
	}),
	onTrail("context/no-entry", "A change with a cancelled context leaves no entry.", func(s *stage) {
		_, err := s.p.Apply(s.cancelled(), s.commit(put("newsbot/a", "1")))
		s.fails("put", err, context.Canceled)
		s.trail(myvault.TrailFilter{})
	}),
	clause("context/deadline", "A deadline that has passed gives context.DeadlineExceeded.", func(s *stage) {
		ctx, cancel := context.WithDeadline(s.ctx, time.Now().Add(-time.Second))
		defer cancel()
		_, err := s.p.Get(ctx, at("newsbot/a"), 0)
		s.fails("get", err, context.DeadlineExceeded)
		_, err = s.p.Apply(ctx, s.commit(put("newsbot/a", "1")))
		s.fails("put", err, context.DeadlineExceeded)
		s.hides(myvault.ErrNotFound, "newsbot/a", 0)
	}),
	clause("context/list", "List with a cancelled context yields its error, once.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"))
		err := onlyError(s, "list", s.p.List(s.cancelled(), myvault.ListOptions{}))
		s.fails("list", err, context.Canceled)
	}),
	clause("context/versions", "Versions with a cancelled context yields its error, once.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"))
		err := onlyError(s, "versions", s.p.Versions(s.cancelled(), at("newsbot/a"), 0))
		s.fails("versions", err, context.Canceled)
	}),
	clause("context/projects", "Projects with a cancelled context yields its error, once.", func(s *stage) {
		s.do(project("common", ""), project("newsbot", ""))
		err := onlyError(s, "projects", s.p.Projects(s.cancelled(), ""))
		s.fails("projects", err, context.Canceled)
	}),
	clause("context/ping", "Ping with a cancelled context gives its error; else nil while the store answers.", func(s *stage) {
		s.fails("ping", s.p.Ping(s.cancelled()), context.Canceled)
		s.succeeds("ping", s.p.Ping(s.ctx))
	}),
	onTrail("context/record", "Record with a cancelled context gives its error and appends nothing.", func(s *stage) {
		err := s.p.(myvault.Trail).Record(s.cancelled(), accessEntry("read", "newsbot/a", 0))
		s.fails("record", err, context.Canceled)
		s.trail(myvault.TrailFilter{})
	}),
	onTrail("context/entries", "Entries with a cancelled context yields its error, once.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"))
		err := onlyError(s, "entries", s.p.(myvault.Trail).Entries(s.cancelled(), myvault.TrailFilter{}))
		s.fails("entries", err, context.Canceled)
	}),
	audited("context/heads", "Heads with a cancelled context gives its error.", func(s *stage) {
		_, err := s.p.(myvault.Auditor).Heads(s.cancelled())
		s.fails("heads", err, context.Canceled)
	}),
}
