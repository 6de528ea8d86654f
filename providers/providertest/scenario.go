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

// author is the service of commits that do not set another.
const author = "commonUI"

// startTime is the time of the first commit of a clause. Each commit is a millisecond and a
// microsecond later than the previous one.
var startTime = time.Date(2026, 11, 23, 15, 4, 5, 123456000, time.UTC)

// scenario is the state of a running clause. Its methods end the clause at the first failure, so
// that clauses need no error handling. Only methods that return an error may be called by other
// goroutines.
type scenario struct {
	ctx     context.Context
	store   Store
	p       myvault.Provider
	commits atomic.Int64
}

// failure is the panic value that ends a clause.
type failure struct{ err error }

// checkFunc returns the Check function of a clause: it opens the store, calls run, and closes it.
func checkFunc(run func(*scenario)) func(context.Context, Store) error {
	return func(ctx context.Context, store Store) (err error) {
		s := &scenario{ctx: ctx, store: store}
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
		run(s)
		return nil
	}
}

func (s *scenario) failf(format string, args ...any) {
	panic(failure{fmt.Errorf(format, args...)})
}

func (s *scenario) open() {
	p, err := s.store.Open(s.ctx)
	s.noError("opening the store", err)
	s.p = p
}

// reopen closes the provider and opens its store again.
func (s *scenario) reopen() {
	s.noError("closing the provider", s.p.Close())
	s.p = nil
	s.open()
}

func (s *scenario) maxProjects() int {
	if s.store.MaxProjects == 0 {
		return myvault.MaxProjects
	}
	return s.store.MaxProjects
}

func (s *scenario) noError(what string, err error) {
	if err != nil {
		s.failf("%s: %w", what, err)
	}
}

func (s *scenario) wantError(what string, err, want error) {
	switch {
	case err == nil:
		s.failf("%s succeeded, want %q", what, want)
	case !errors.Is(err, want):
		s.failf("%s: got %q, want %q", what, err, want)
	}
}

func wantEqual[T comparable](s *scenario, what string, got, want T) {
	if got != want {
		s.failf("%s: got %v, want %v", what, got, want)
	}
}

func wantTime(s *scenario, what string, got, want time.Time) {
	if !got.Equal(want) || got.IsZero() != want.IsZero() {
		s.failf("%s: got %v, want %v", what, got, want)
	}
}

func wantList(s *scenario, what string, got, want []string) {
	if !slices.Equal(got, want) {
		s.failf("%s: got %q, want %q", what, shortened(got), shortened(want))
	}
}

// wantLen returns list, which must have n items.
func wantLen[T any](s *scenario, what string, list []T, n int) []T {
	wantEqual(s, "number of "+what, len(list), n)
	return list
}

// shortened returns the start of a long list, for errors.
func shortened(list []string) []string {
	if len(list) <= 12 {
		return list
	}
	return append(slices.Clone(list[:12]), fmt.Sprintf("... %d in all", len(list)))
}

// collect returns all items of an iterator, which must not yield an error.
func collect[T any](s *scenario, what string, seq iter.Seq2[T, error]) []T {
	var all []T
	for item, err := range seq {
		s.noError(what, err)
		all = append(all, item)
	}
	return all
}

// onlyError returns the error of an iterator, which must yield nothing else.
func onlyError[T any](s *scenario, what string, seq iter.Seq2[T, error]) error {
	var first error
	n := 0
	for _, err := range seq {
		if n++; n > 1 {
			s.failf("%s: it yields more than one error", what)
		}
		first = err
	}
	return first
}

// withTimeout calls f in another goroutine, and fails the clause if it does not return in time.
func (s *scenario) withTimeout(what string, f func() error) {
	timeout := s.store.Timeout
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		s.noError(what, err)
	case <-time.After(timeout):
		s.failf("%s did not return within %v; is a lock held?", what, timeout)
	}
}

// concurrently calls f with 0 to n-1 at the same time, and returns the results.
func concurrently(n int, f func(i int) error) []error {
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

// address parses "project/path" without validation, which would refuse reserved projects.
func address(s string) myvault.Address {
	project, path, _ := strings.Cut(s, "/")
	return myvault.Address{Project: project, Path: path}
}
