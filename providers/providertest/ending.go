package providertest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/myswiftagent/myvault"
)

// ending is a context that ends by itself when it has been asked so often whether it has.
type ending struct {
	context.Context
	left  atomic.Int64
	ended chan struct{}
	once  sync.Once
}

func (s *stage) ending(after int) *ending {
	e := &ending{Context: s.ctx, ended: make(chan struct{})}
	e.left.Store(int64(after))
	return e
}

func (e *ending) Done() <-chan struct{} { return e.ended }

func (e *ending) Err() error {
	if e.left.Add(-1) >= 0 {
		return e.Context.Err()
	}
	e.once.Do(func() { close(e.ended) })
	return context.Canceled
}

// askedAtMost is how often a call may ask its context before the clause gives up: far more
// than any has reason to.
const askedAtMost = 2000

// whileEnding makes a call again and again, the n-th time with a context that ends at its
// n-th question, until one lasts to the end of the call. A call that fails must give the
// context's error; what it gives without one is for call to judge. After each, right looks
// what the next caller gets.
func (s *stage) whileEnding(what string, call func(ctx context.Context, n int) error, right func(n int)) {
	for n := range askedAtMost {
		ctx := s.ending(n)
		if err := call(ctx, n); err != nil {
			s.fails(fmt.Sprintf("%s whose context ended at question %d", what, n), err, context.Canceled)
		}
		right(n)
		if ctx.left.Load() >= 0 {
			return
		}
	}
	s.failf("%s: it asks its context more than %d times", what, askedAtMost)
}

// yields gives what an iterator yields as texts, up to its error.
func yields[T any](seq iter.Seq2[T, error], text func(T) string) (got []string, err error) {
	for item, e := range seq {
		if e != nil {
			return got, e
		}
		got = append(got, text(item))
	}
	return got, nil
}

// wholeOrEnded is whileEnding for an iterator: without an error it must have yielded all,
// and with one the beginning of it.
func wholeOrEnded[T any](s *stage, what string, seq func(context.Context) iter.Seq2[T, error], text func(T) string) {
	want, err := yields(seq(s.ctx), text)
	s.succeeds(what, err)
	s.whileEnding(what, func(ctx context.Context, _ int) error {
		got, err := yields(seq(ctx), text)
		if err == nil || len(got) > len(want) {
			sameList(s, what, got, want)
		}
		sameList(s, what, got, want[:len(got)])
		return err
	}, func(int) {
		got, err := yields(seq(s.ctx), text)
		s.succeeds(what+" after it", err)
		sameList(s, what+" after it", got, want)
	})
}

func infoText(i myvault.Info) string {
	return fmt.Sprintf("%v %d %v by %s", i.Address, i.Version, i.State, i.By)
}

// endsInGet reads addresses that nobody has read before, for a store may keep what it has
// read: also what it has not found.
func (s *stage) endsInGet(version myvault.Version, want string) {
	where := func(n int) string { return fmt.Sprintf("newsbot/a%d", n) }
	s.whileEnding("get", func(ctx context.Context, n int) error {
		s.do(put(where(n), "1"), put(where(n), "2"))
		secret, err := s.p.Get(ctx, at(where(n)), version)
		if err == nil {
			same(s, "value", secret.Value.Reveal(), want)
		}
		return err
	}, func(n int) {
		s.reads(where(n), 0, "2")
		s.reads(where(n), 1, "1")
	})
}

// endsInApply changes addresses that nobody has changed before. A change that ends with the
// context's error is not made; one that ends with none is.
func (s *stage) endsInApply() {
	where := func(n int) string { return fmt.Sprintf("newsbot/a%d", n) }
	made := map[int]error{}
	s.whileEnding("put", func(ctx context.Context, n int) error {
		_, err := s.p.Apply(ctx, s.commit(put(where(n), "1")))
		made[n] = err
		if errors.Is(err, myvault.ErrUnknownOutcome) {
			return nil // then either is right
		}
		return err
	}, func(n int) {
		switch err := made[n]; {
		case err == nil:
			s.reads(where(n), 0, "1")
		case !errors.Is(err, myvault.ErrUnknownOutcome):
			s.hides(myvault.ErrNotFound, where(n), 0)
		}
		s.do(put(where(n), "after"))
		s.reads(where(n), 0, "after")
	})
}

var endingClauses = []Clause{
	clause("ending/get", "A context that ends while Get is at work gives its error or the value; the next caller finds what is there.", func(s *stage) {
		s.endsInGet(0, "2")
	}),
	clause("ending/get-earlier", "The same holds for an earlier version.", func(s *stage) {
		s.endsInGet(1, "1")
	}),
	clause("ending/get-missing", "What is not there is not found, or gives the context's error.", func(s *stage) {
		where := func(n int) string { return fmt.Sprintf("newsbot/a%d", n) }
		s.whileEnding("get", func(ctx context.Context, n int) error {
			switch _, err := s.p.Get(ctx, at(where(n)), 0); {
			case err == nil:
				s.failf("get found what is not there")
			case !errors.Is(err, myvault.ErrNotFound):
				return err
			}
			return nil
		}, func(n int) {
			s.hides(myvault.ErrNotFound, where(n), 0)
			s.do(put(where(n), "1"))
			s.reads(where(n), 0, "1")
		})
	}),
	clause("ending/apply", "A change whose context ends is made, or not made and gives the context's error, or its outcome is unknown.", (*stage).endsInApply),
	clause("ending/versions", "A context that ends while Versions is at work ends it with the context's error, or it yields all.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"), remove("newsbot/a"))
		wholeOrEnded(s, "versions", func(ctx context.Context) iter.Seq2[myvault.Info, error] {
			return s.p.Versions(ctx, at("newsbot/a"), 0)
		}, infoText)
	}),
	clause("ending/list", "A context that ends while List is at work ends it with the context's error, or it yields all.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/b", "1"), put("common/c", "1"))
		wholeOrEnded(s, "list", func(ctx context.Context) iter.Seq2[myvault.Info, error] {
			return s.p.List(ctx, myvault.ListOptions{})
		}, infoText)
	}),
	clause("ending/projects", "A context that ends while Projects is at work ends it with the context's error, or it yields all.", func(s *stage) {
		s.do(project("common", ""), project("newsbot", ""))
		all := func(ctx context.Context) iter.Seq2[myvault.Project, error] { return s.p.Projects(ctx, "") }
		wholeOrEnded(s, "projects", all, func(p myvault.Project) string { return p.Name })
	}),
	archived("ending/history", "A context that ends while History is at work ends it with the context's error, or it yields all.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"))
		wholeOrEnded(s, "history", func(ctx context.Context) iter.Seq2[myvault.Secret, error] {
			return s.past(ctx, "newsbot/a")
		}, func(secret myvault.Secret) string { return infoText(secret.Info) + secret.Value.Reveal() })
	}),
	onTrail("ending/entries", "A context that ends while Entries is at work ends it with the context's error, or it yields all.", func(s *stage) {
		s.do(put("newsbot/a", "1"), put("newsbot/a", "2"))
		s.record(accessEntry("read", "newsbot/a", 500), accessEntry("read", "newsbot/a", 501))
		wholeOrEnded(s, "entries", func(ctx context.Context) iter.Seq2[myvault.Entry, error] {
			return s.p.(myvault.Trail).Entries(ctx, myvault.TrailFilter{})
		}, func(e myvault.Entry) string { return fmt.Sprint(e.Chain, e.Seq, e.Action) })
	}),
	audited("ending/heads", "A context that ends while Heads is at work gives its error, or the heads.", func(s *stage) {
		s.do(put("newsbot/a", "1"))
		text := func(heads []myvault.Head) (all string) {
			for _, h := range heads {
				all += fmt.Sprint(h.Chain, h.Seq)
			}
			return all
		}
		want := text(s.heads())
		s.whileEnding("heads", func(ctx context.Context, _ int) error {
			heads, err := s.p.(myvault.Auditor).Heads(ctx)
			if err == nil {
				same(s, "heads", text(heads), want)
			}
			return err
		}, func(int) { same(s, "heads after it", text(s.heads()), want) })
	}),
}
