package providertest

import (
	"context"
	"errors"
	"fmt"

	"github.com/myswiftagent/myvault"
)

func snapshot(name, promise string, play func(*stage), needs ...Capability) Clause {
	return clause(name, promise, play, append([]Capability{Snapshotter}, needs...)...)
}

// frozen plays on a snapshot, whose reads go through a separate stage.
func (s *stage) frozen(play func(now *stage)) {
	s.succeeds("snapshot", s.p.(myvault.Snapshotter).Snapshot(s.ctx, func(r myvault.Reader) (err error) {
		defer func() {
			// A provider need not let a panic through.
			if stopped, is := recover().(failure); is {
				err = stopped.err
			}
		}()
		play(&stage{ctx: s.ctx, store: s.store, p: readingFrom{r, s.p}})
		return nil
	}))
}

// readingFrom is a provider whose reads are those of a snapshot.
type readingFrom struct {
	myvault.Reader
	others
}

// others are the methods of a provider that do not read.
type others interface {
	Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error)
	Ping(ctx context.Context) error
	Close() error
}

var snapshotClauses = []Clause{
	snapshot("snapshot/same", "A snapshot answers what the provider answers.", func(s *stage) {
		s.do(put("newsbot/a", "one"), put("newsbot/a", "two"), put("newsbot/b", "1"), remove("newsbot/b"), project("common", ""))
		s.frozen(func(now *stage) {
			now.reads("newsbot/a", 0, "two")
			now.reads("newsbot/a", 1, "one")
			now.hides(myvault.ErrNotFound, "newsbot/b", 0)
			now.lists(myvault.ListOptions{}, "newsbot/a")
			now.lists(myvault.ListOptions{Deleted: true}, "newsbot/b")
			now.history("newsbot/a", "2 live", "1 live")
			now.registered("common", "newsbot")
		})
	}),
	snapshot("snapshot/one-state", "All reads of a snapshot see the state at its first read, whatever changes meanwhile.", func(s *stage) {
		s.do(put("newsbot/a", "old"), put("newsbot/b", "old"), put("newsbot/c", "old"))
		s.frozen(func(now *stage) {
			now.reads("newsbot/a", 0, "old")
			s.patiently("a change beside a snapshot", func() error {
				_, err := s.apply(put("newsbot/a", "new"))
				_, more := s.apply(put("newsbot/b", "new"))
				_, gone := s.apply(remove("newsbot/c"))
				_, other := s.apply(put("other/x", "new"))
				return errors.Join(err, more, gone, other)
			})
			now.reads("newsbot/b", 0, "old")
			now.reads("newsbot/a", 0, "old")
			now.lists(myvault.ListOptions{}, "newsbot/a", "newsbot/b", "newsbot/c")
			now.lists(myvault.ListOptions{Deleted: true})
			now.history("newsbot/b", "1 live")
			now.registered("newsbot")
		})
		s.reads("newsbot/a", 0, "new")
	}),
	snapshot("snapshot/long", "A long listing in a snapshot is of one state to its end.", func(s *stage) {
		const many = 600
		var changes []myvault.Change
		for i := range many {
			changes = append(changes, put(fmt.Sprintf("newsbot/secret-%04d", i), "value"))
		}
		s.fill(changes)
		s.frozen(func(now *stage) {
			n := 0
			for info, err := range now.p.List(now.ctx, myvault.ListOptions{}) {
				now.succeeds("list", err)
				same(now, "version", info.Version, 1)
				if n++; n == 1 {
					s.patiently("a change beside a snapshot", func() error {
						_, err := s.apply(put("newsbot/secret-0599", "another"))
						return err
					})
				}
			}
			same(now, "secrets", n, many)
		})
	}),
	snapshot("snapshot/newest", "A snapshot has every change that was acknowledged before it.", func(s *stage) {
		for n := range 20 {
			s.do(put("newsbot/a", fmt.Sprint(n)))
			s.frozen(func(now *stage) { now.reads("newsbot/a", 0, fmt.Sprint(n)) })
		}
	}),
	snapshot("snapshot/error", "Snapshot calls the function once, and returns its error.", func(s *stage) {
		ours, calls := errors.New("an error of the function"), 0
		s.fails("snapshot", s.p.(myvault.Snapshotter).Snapshot(s.ctx, func(myvault.Reader) error { calls++; return ours }), ours)
		same(s, "calls of the function", calls, 1)
	}),
	snapshot("snapshot/cancelled", "Snapshot with a cancelled context is its error, and the function is not called.", func(s *stage) {
		s.notCalled(s.cancelled(), context.Canceled)
	}),
	snapshot("snapshot/closed", "Snapshot after Close is ErrClosed, and the function is not called.", func(s *stage) {
		s.closed()
		s.notCalled(s.ctx, myvault.ErrClosed)
	}),
}

// notCalled wants that error of Snapshot, which must not call the function.
func (s *stage) notCalled(ctx context.Context, want error) {
	called := false
	err := s.p.(myvault.Snapshotter).Snapshot(ctx, func(myvault.Reader) error { called = true; return nil })
	s.fails("snapshot", err, want)
	same(s, "the function was called", called, false)
}
