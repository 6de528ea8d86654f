package providertest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/myswiftagent/myvault"
)

// by is the service of every commit that does not name another.
const by = "commonUI"

// begin is the time of the first commit of every clause; each later one is a
// millisecond and a microsecond later.
var begin = time.Date(2026, 11, 23, 15, 4, 5, 123456000, time.UTC)

// stage is what a clause plays on. Its methods end the clause at the first
// surprise, so that a clause reads as the sentence it checks. Only those that give
// an error may be used by other goroutines than the clause's own.
type stage struct {
	ctx     context.Context
	store   Store
	p       myvault.Provider
	commits atomic.Int64
}

// failure carries what went wrong from the depth of a clause up to checking.
type failure struct{ err error }

// checking makes the Check of a clause: it opens the store, plays, and closes it.
func checking(play func(*stage)) func(context.Context, Store) error {
	return func(ctx context.Context, store Store) (err error) {
		s := &stage{ctx: ctx, store: store}
		defer func() {
			if s.p != nil {
				err = errors.Join(err, s.p.Close())
			}
		}()
		defer func() {
			switch stopped := recover().(type) {
			case nil:
			case failure:
				err = stopped.err
			default:
				panic(stopped)
			}
		}()
		s.open()
		play(s)
		return nil
	}
}

func (s *stage) failf(format string, args ...any) {
	panic(failure{fmt.Errorf(format, args...)})
}

func (s *stage) open() {
	p, err := s.store.Open(s.ctx)
	s.succeeds("opening the store", err)
	s.p = p
}

// reopen closes the provider and opens its store again.
func (s *stage) reopen() {
	s.succeeds("closing the provider", s.p.Close())
	s.p = nil
	s.open()
}

func (s *stage) maxProjects() int {
	if s.store.MaxProjects == 0 {
		return myvault.MaxProjects
	}
	return s.store.MaxProjects
}

func (s *stage) succeeds(what string, err error) {
	if err != nil {
		s.failf("%s: %w", what, err)
	}
}

func (s *stage) fails(what string, err, want error) {
	switch {
	case err == nil:
		s.failf("%s succeeded, want %q", what, want)
	case !errors.Is(err, want):
		s.failf("%s: got %q, want %q", what, err, want)
	}
}

func same[T comparable](s *stage, what string, got, want T) {
	if got != want {
		s.failf("%s: got %v, want %v", what, got, want)
	}
}

func sameTime(s *stage, what string, got, want time.Time) {
	if !got.Equal(want) || got.IsZero() != want.IsZero() {
		s.failf("%s: got %v, want %v", what, got, want)
	}
}

func sameList(s *stage, what string, got, want []string) {
	if !slices.Equal(got, want) {
		s.failf("%s: got %q, want %q", what, brief(got), brief(want))
	}
}

// counted gives the list, which must have n items.
func counted[T any](s *stage, what string, list []T, n int) []T {
	same(s, "number of "+what, len(list), n)
	return list
}

// brief keeps an error of a long list readable.
func brief(list []string) []string {
	if len(list) <= 12 {
		return list
	}
	return append(slices.Clone(list[:12]), fmt.Sprintf("... %d in all", len(list)))
}

// collect gives all that an iterator yields; an error ends the clause.
func collect[T any](s *stage, what string, seq iter.Seq2[T, error]) []T {
	var all []T
	for item, err := range seq {
		s.succeeds(what, err)
		all = append(all, item)
	}
	return all
}

// onlyError gives the error that an iterator yields first and last.
func onlyError[T any](s *stage, what string, seq iter.Seq2[T, error]) error {
	var first error
	n := 0
	for _, err := range seq {
		if n++; n > 1 {
			s.failf("%s: it goes on after its first yield, which should be an error and the last", what)
		}
		first = err
	}
	return first
}

// patiently runs f elsewhere and fails the clause if it hangs.
func (s *stage) patiently(what string, f func() error) {
	patience := s.store.Patience
	if patience == 0 {
		patience = 30 * time.Second
	}
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		s.succeeds(what, err)
	case <-time.After(patience):
		s.failf("%s hangs; is a lock held?", what)
	}
}

// together runs f n times at once, with 0 to n-1, and gives what each returned.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = f(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}

// at reads "project/path" without validating it: reserved projects are addresses too.
func at(s string) myvault.Address {
	project, path, _ := strings.Cut(s, "/")
	return myvault.Address{Project: project, Path: path}
}
