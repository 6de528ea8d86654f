package providertest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/myswiftagent/myvault"
)

// canceled returns a canceled context.
func (s *scenario) canceled() context.Context {
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	return ctx
}

var contextClauses = []Clause{
	clause("context/get", "Get with a canceled context returns its error.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		_, err := s.p.Get(s.canceled(), address("newsbot/a"), 0)
		s.wantError("get", err, context.Canceled)
		s.wantValue("newsbot/a", 0, "1")
	}),
	clause("context/put", "Put with a canceled context returns its error and changes nothing.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		_, err := s.p.Apply(s.canceled(), s.commit(put("newsbot/a", "2")))
		s.wantError("put", err, context.Canceled)
		_, err = s.p.Apply(s.canceled(), s.commit(put("common/b", "1")))
		s.wantError("put", err, context.Canceled)
		s.wantVersions("newsbot/a", "1 live")
		s.wantProjects("newsbot")
		s.wantListed(myvault.ListOptions{}, "newsbot/a")
	}),
	clause("context/changes", "No change is applied with a canceled context.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"), remove("newsbot/b"), project("common", "old"))
		for _, change := range []myvault.Change{
			remove("newsbot/a"), undelete("newsbot/b"), destroy("newsbot/a"),
			project("common", "new"), makeDefault("common"), removeProject("common"),
		} {
			_, err := s.p.Apply(s.canceled(), s.commit(change))
			s.wantError(change.Op.String(), err, context.Canceled)
		}
		s.wantVersions("newsbot/a", "1 live")
		s.wantVersions("newsbot/b", "1 deleted")
		s.wantProjects("common", "newsbot")
		wantEqual(s, "description", s.project("common").Description, "old")
	}),
	trailClause("context/no-entry", "A change with a canceled context records no entry.", func(s *scenario) {
		_, err := s.p.Apply(s.canceled(), s.commit(put("newsbot/a", "1")))
		s.wantError("put", err, context.Canceled)
		s.wantEntries(myvault.TrailFilter{})
	}),
	clause("context/deadline", "An expired deadline returns context.DeadlineExceeded.", func(s *scenario) {
		ctx, cancel := context.WithDeadline(s.ctx, time.Now().Add(-time.Second))
		defer cancel()
		_, err := s.p.Get(ctx, address("newsbot/a"), 0)
		s.wantError("get", err, context.DeadlineExceeded)
		_, err = s.p.Apply(ctx, s.commit(put("newsbot/a", "1")))
		s.wantError("put", err, context.DeadlineExceeded)
		s.wantGetError(myvault.ErrNotFound, "newsbot/a", 0)
	}),
	clause("context/list", "List with a canceled context yields its error, once.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"))
		err := onlyError(s, "list", s.p.List(s.canceled(), myvault.ListOptions{}))
		s.wantError("list", err, context.Canceled)
	}),
	clause("context/versions", "Versions with a canceled context yields its error, once.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"))
		err := onlyError(s, "versions", s.p.Versions(s.canceled(), address("newsbot/a"), 0))
		s.wantError("versions", err, context.Canceled)
	}),
	clause("context/projects", "Projects with a canceled context yields its error, once.", func(s *scenario) {
		s.do(project("common", ""), project("newsbot", ""))
		err := onlyError(s, "projects", s.p.Projects(s.canceled(), ""))
		s.wantError("projects", err, context.Canceled)
	}),
	clause("context/ping", "Ping with a canceled context returns its error, otherwise nil while the store responds.", func(s *scenario) {
		s.wantError("ping", s.p.Ping(s.canceled()), context.Canceled)
		s.noError("ping", s.p.Ping(s.ctx))
	}),
	trailClause("context/record", "Record with a canceled context returns its error and appends nothing.", func(s *scenario) {
		err := s.p.(myvault.Trail).Record(s.canceled(), accessEntry("read", "newsbot/a", 0))
		s.wantError("record", err, context.Canceled)
		s.wantEntries(myvault.TrailFilter{})
	}),
	trailClause("context/entries", "Entries with a canceled context yields its error, once.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"))
		err := onlyError(s, "entries", s.p.(myvault.Trail).Entries(s.canceled(), myvault.TrailFilter{}))
		s.wantError("entries", err, context.Canceled)
	}),
	auditorClause("context/heads", "Heads with a canceled context returns its error.", func(s *scenario) {
		_, err := s.p.(myvault.Auditor).Heads(s.canceled())
		s.wantError("heads", err, context.Canceled)
	}),
}

// cancelingContext is a context that is canceled after Err has been called a number of times.
type cancelingContext struct {
	context.Context
	left  atomic.Int64
	ended chan struct{}
	once  sync.Once
}

func (s *scenario) cancelAfter(after int) *cancelingContext {
	e := &cancelingContext{Context: s.ctx, ended: make(chan struct{})}
	e.left.Store(int64(after))
	return e
}

func (e *cancelingContext) Done() <-chan struct{} { return e.ended }

func (e *cancelingContext) Err() error {
	if e.left.Add(-1) >= 0 {
		return e.Context.Err()
	}
	e.once.Do(func() { close(e.ended) })
	return context.Canceled
}

// maxChecks is how often a call may check its context before the clause fails. It is far more
// than any provider needs.
const maxChecks = 2000

// cancelAtEachCheck repeats a call. The context of the n-th call is canceled at its n-th check. It
// stops when a call ends before its context. If call returns an error, it must be the context's.
// After each call, verify checks what later calls return.
func (s *scenario) cancelAtEachCheck(what string, call func(ctx context.Context, n int) error, verify func(n int)) {
	for n := range maxChecks {
		ctx := s.cancelAfter(n)
		if err := call(ctx, n); err != nil {
			s.wantError(fmt.Sprintf("%s with a context canceled at check %d", what, n), err, context.Canceled)
		}
		verify(n)
		if ctx.left.Load() >= 0 {
			return
		}
	}
	s.failf("%s: it checks its context more than %d times", what, maxChecks)
}

// collectUntilError returns the items of an iterator as texts, and its error.
func collectUntilError[T any](seq iter.Seq2[T, error], text func(T) string) (got []string, err error) {
	for item, e := range seq {
		if e != nil {
			return got, e
		}
		got = append(got, text(item))
	}
	return got, nil
}

// cancelIterator is cancelAtEachCheck for an iterator. Without an error it must yield all items,
// with an error the first ones.
func cancelIterator[T any](s *scenario, what string, seq func(context.Context) iter.Seq2[T, error], text func(T) string) {
	want, err := collectUntilError(seq(s.ctx), text)
	s.noError(what, err)
	s.cancelAtEachCheck(what, func(ctx context.Context, _ int) error {
		got, err := collectUntilError(seq(ctx), text)
		if err == nil || len(got) > len(want) {
			wantList(s, what, got, want)
		}
		wantList(s, what, got, want[:len(got)])
		return err
	}, func(int) {
		got, err := collectUntilError(seq(s.ctx), text)
		s.noError(what+" after it", err)
		wantList(s, what+" after it", got, want)
	})
}

func infoText(i myvault.Info) string {
	return fmt.Sprintf("%v %d %v by %s", i.Address, i.Version, i.State, i.By)
}

// cancelDuringGet reads a new address for each call, because a store may cache secrets, and
// that an address does not exist.
func (s *scenario) cancelDuringGet(version myvault.Version, want string) {
	addr := func(n int) string { return fmt.Sprintf("newsbot/a%d", n) }
	s.cancelAtEachCheck("get", func(ctx context.Context, n int) error {
		s.do(put(addr(n), "1"), put(addr(n), "2"))
		secret, err := s.p.Get(ctx, address(addr(n)), version)
		if err == nil {
			wantEqual(s, "value", secret.Value.Reveal(), want)
		}
		return err
	}, func(n int) {
		s.wantValue(addr(n), 0, "2")
		s.wantValue(addr(n), 1, "1")
	})
}

// cancelDuringApply changes a new address in each call. If Apply returns the context's error, the
// change must not be applied. If it returns nil, it must be.
func (s *scenario) cancelDuringApply() {
	addr := func(n int) string { return fmt.Sprintf("newsbot/a%d", n) }
	made := map[int]error{}
	s.cancelAtEachCheck("put", func(ctx context.Context, n int) error {
		_, err := s.p.Apply(ctx, s.commit(put(addr(n), "1")))
		made[n] = err
		if errors.Is(err, myvault.ErrUnknownOutcome) {
			return nil // both states are allowed
		}
		return err
	}, func(n int) {
		switch err := made[n]; {
		case err == nil:
			s.wantValue(addr(n), 0, "1")
		case !errors.Is(err, myvault.ErrUnknownOutcome):
			s.wantGetError(myvault.ErrNotFound, addr(n), 0)
		}
		s.do(put(addr(n), "after"))
		s.wantValue(addr(n), 0, "after")
	})
}

var endingClauses = []Clause{
	clause("cancel/get", "If the context is canceled during Get, it returns the context's error or the value, and later calls return the value.", func(s *scenario) {
		s.cancelDuringGet(0, "2")
	}),
	clause("cancel/get-earlier", "The same holds for an earlier version.", func(s *scenario) {
		s.cancelDuringGet(1, "1")
	}),
	clause("cancel/get-missing", "If the context is canceled during Get of a missing secret, it returns the context's error or ErrNotFound.", func(s *scenario) {
		addr := func(n int) string { return fmt.Sprintf("newsbot/a%d", n) }
		s.cancelAtEachCheck("get", func(ctx context.Context, n int) error {
			switch _, err := s.p.Get(ctx, address(addr(n)), 0); {
			case err == nil:
				s.failf("get found a secret that does not exist")
			case !errors.Is(err, myvault.ErrNotFound):
				return err
			}
			return nil
		}, func(n int) {
			s.wantGetError(myvault.ErrNotFound, addr(n), 0)
			s.do(put(addr(n), "1"))
			s.wantValue(addr(n), 0, "1")
		})
	}),
	clause("cancel/apply", "If the context is canceled during Apply, the change is applied, or Apply returns the context's error and it is not, or its outcome is unknown.", (*scenario).cancelDuringApply),
	clause("cancel/versions", "If the context is canceled during Versions, it yields the context's error or everything.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"), remove("newsbot/a"))
		cancelIterator(s, "versions", func(ctx context.Context) iter.Seq2[myvault.Info, error] {
			return s.p.Versions(ctx, address("newsbot/a"), 0)
		}, infoText)
	}),
	clause("cancel/list", "If the context is canceled during List, it yields the context's error or everything.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"), put("common/c", "1"))
		cancelIterator(s, "list", func(ctx context.Context) iter.Seq2[myvault.Info, error] {
			return s.p.List(ctx, myvault.ListOptions{})
		}, infoText)
	}),
	clause("cancel/projects", "If the context is canceled during Projects, it yields the context's error or everything.", func(s *scenario) {
		s.do(project("common", ""), project("newsbot", ""))
		all := func(ctx context.Context) iter.Seq2[myvault.Project, error] { return s.p.Projects(ctx, "") }
		cancelIterator(s, "projects", all, func(p myvault.Project) string { return p.Name })
	}),
	archiveClause("cancel/history", "If the context is canceled during History, it yields the context's error or everything.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"))
		cancelIterator(s, "history", func(ctx context.Context) iter.Seq2[myvault.Secret, error] {
			return s.historyOf(ctx, "newsbot/a")
		}, func(secret myvault.Secret) string { return infoText(secret.Info) + secret.Value.Reveal() })
	}),
	trailClause("cancel/entries", "If the context is canceled during Entries, it yields the context's error or everything.", func(s *scenario) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"))
		s.record(accessEntry("read", "newsbot/a", 500), accessEntry("read", "newsbot/a", 501))
		cancelIterator(s, "entries", func(ctx context.Context) iter.Seq2[myvault.Entry, error] {
			return s.p.(myvault.Trail).Entries(ctx, myvault.TrailFilter{})
		}, func(e myvault.Entry) string { return fmt.Sprint(e.Chain, e.Seq, e.Action) })
	}),
	auditorClause("cancel/heads", "If the context is canceled during Heads, it returns the context's error or the heads.", func(s *scenario) {
		s.do(put("newsbot/a", "1"))
		text := func(heads []myvault.Head) (all string) {
			for _, h := range heads {
				all += fmt.Sprint(h.Chain, h.Seq)
			}
			return all
		}
		want := text(s.heads())
		s.cancelAtEachCheck("heads", func(ctx context.Context, _ int) error {
			heads, err := s.p.(myvault.Auditor).Heads(ctx)
			if err == nil {
				wantEqual(s, "heads", text(heads), want)
			}
			return err
		}, func(int) { wantEqual(s, "heads after it", text(s.heads()), want) })
	}),
}
