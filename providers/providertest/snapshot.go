package providertest

import (
	"context"
	"errors"
	"fmt"

	"github.com/myswiftagent/myvault"
)

func snapshotClause(name, promise string, run func(*scenario), needs ...Capability) Clause {
	return clause(name, promise, run, append([]Capability{Snapshotter}, needs...)...)
}

// inSnapshot runs part of a clause on a snapshot, as a separate scenario.
func (s *scenario) inSnapshot(run func(now *scenario)) {
	s.noError("snapshot", s.p.(myvault.Snapshotter).Snapshot(s.ctx, func(r myvault.Reader) (err error) {
		defer func() {
			// Convert the panic here: the provider may not pass it on.
			if stopped, is := recover().(failure); is {
				err = stopped.err
			}
		}()
		run(&scenario{ctx: s.ctx, store: s.store, p: snapshotProvider{r, s.p}})
		return nil
	}))
}

// snapshotProvider is a provider that reads from a snapshot.
type snapshotProvider struct {
	myvault.Reader
	writer
}

// writer is the methods of a provider that a Reader lacks.
type writer interface {
	Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error)
	Ping(ctx context.Context) error
	Close() error
}

var snapshotClauses = []Clause{
	snapshotClause("snapshot/same", "A snapshot returns the same as the provider.", func(s *scenario) {
		s.do(put("newsbot/a", "one"), put("newsbot/a", "two"), put("newsbot/b", "1"), remove("newsbot/b"), project("common", ""))
		s.inSnapshot(func(now *scenario) {
			now.wantValue("newsbot/a", 0, "two")
			now.wantValue("newsbot/a", 1, "one")
			now.wantGetError(myvault.ErrNotFound, "newsbot/b", 0)
			now.wantListed(myvault.ListOptions{}, "newsbot/a")
			now.wantListed(myvault.ListOptions{Deleted: true}, "newsbot/b")
			now.wantVersions("newsbot/a", "2 live", "1 live")
			now.wantProjects("common", "newsbot")
		})
	}),
	snapshotClause("snapshot/one-state", "All reads of a snapshot see the state at its first read, also after later changes.", func(s *scenario) {
		s.do(put("newsbot/a", "old"), put("newsbot/b", "old"), put("newsbot/c", "old"))
		s.inSnapshot(func(now *scenario) {
			now.wantValue("newsbot/a", 0, "old")
			s.withTimeout("a change during a snapshot", func() error {
				_, err := s.apply(put("newsbot/a", "new"))
				_, more := s.apply(put("newsbot/b", "new"))
				_, removed := s.apply(remove("newsbot/c"))
				_, other := s.apply(put("other/x", "new"))
				return errors.Join(err, more, removed, other)
			})
			now.wantValue("newsbot/b", 0, "old")
			now.wantValue("newsbot/a", 0, "old")
			now.wantListed(myvault.ListOptions{}, "newsbot/a", "newsbot/b", "newsbot/c")
			now.wantListed(myvault.ListOptions{Deleted: true})
			now.wantVersions("newsbot/b", "1 live")
			now.wantProjects("newsbot")
		})
		s.wantValue("newsbot/a", 0, "new")
	}),
	snapshotClause("snapshot/long", "A long listing in a snapshot sees one state to its end.", func(s *scenario) {
		const many = 600
		var changes []myvault.Change
		for i := range many {
			changes = append(changes, put(fmt.Sprintf("newsbot/secret-%04d", i), "value"))
		}
		s.fill(changes)
		s.inSnapshot(func(now *scenario) {
			n := 0
			for info, err := range now.p.List(now.ctx, myvault.ListOptions{}) {
				now.noError("list", err)
				wantEqual(now, "version", info.Version, 1)
				if n++; n == 1 {
					s.withTimeout("a change during a snapshot", func() error {
						_, err := s.apply(put("newsbot/secret-0599", "another"))
						return err
					})
				}
			}
			wantEqual(now, "secrets", n, many)
		})
	}),
	snapshotClause("snapshot/newest", "A snapshot contains every change acknowledged before it.", func(s *scenario) {
		for n := range 20 {
			s.do(put("newsbot/a", fmt.Sprint(n)))
			s.inSnapshot(func(now *scenario) { now.wantValue("newsbot/a", 0, fmt.Sprint(n)) })
		}
	}),
	snapshotClause("snapshot/error", "Snapshot calls the function once, and returns its error.", func(s *scenario) {
		want, calls := errors.New("an error of the function"), 0
		s.wantError("snapshot", s.p.(myvault.Snapshotter).Snapshot(s.ctx, func(myvault.Reader) error { calls++; return want }), want)
		wantEqual(s, "calls of the function", calls, 1)
	}),
	snapshotClause("snapshot/canceled", "Snapshot with a canceled context returns its error and does not call the function.", func(s *scenario) {
		s.wantNotCalled(s.canceled(), context.Canceled)
	}),
	snapshotClause("snapshot/closed", "Snapshot after Close returns ErrClosed and does not call the function.", func(s *scenario) {
		s.putAndClose()
		s.wantNotCalled(s.ctx, myvault.ErrClosed)
	}),
}

// wantNotCalled checks that Snapshot returns the error want and does not call the function.
func (s *scenario) wantNotCalled(ctx context.Context, want error) {
	called := false
	err := s.p.(myvault.Snapshotter).Snapshot(ctx, func(myvault.Reader) error { called = true; return nil })
	s.wantError("snapshot", err, want)
	wantEqual(s, "the function was called", called, false)
}
