// Package providertest holds what every [myvault.Provider] promises, one named clause
// per promise, as [testing/fstest] does for file systems. A provider's own test runs it:
//
//	func TestConformance(t *testing.T) {
//		providertest.Run(t, func(t testing.TB) providertest.Store {
//			return providertest.Store{Open: func(ctx context.Context) (myvault.Provider, error) {
//				return memory.New(memory.Config{}), nil
//			}}
//		}, providertest.Auditor, providertest.Persistent)
//	}
//
// What a provider lacks is declared behind the store, and a declared lack must be
// true. Clauses return errors, so that the suite can be tested on providers that are
// broken on purpose.
//
// The table of providers and clauses in docs/providers.md is written by
//
//	go generate ./providers/providertest
package providertest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/myswiftagent/myvault"
)

//go:generate go run ./matrix -root ../..

// Store is one store, empty at first, that a clause is checked on. Each clause gets its own.
type Store struct {
	// Open opens it. A clause closes every provider it opens. One that needs
	// [Persistent] opens it again after Close, and expects what was there.
	Open func(context.Context) (myvault.Provider, error)
	// MaxProjects is how many projects the provider was configured to register, at
	// least 12; 0 means myvault.MaxProjects. A small one makes the run short.
	MaxProjects int
	// Patience is how long one call may hang before a clause gives it up, such as a
	// write inside a loop over a listing that holds a lock. 0 means 30 seconds.
	Patience time.Duration
}

// Clause is one promise of the contract of a provider or a trail.
type Clause struct {
	Name    string       // "put/first-version": the subject, then what it is about
	Promise string       // the promise as a sentence
	Needs   []Capability // what a provider must have for the promise to apply
	// Check gives nil where the promise is kept, else what happened in place of it.
	// The context bounds the whole check. The store must be fresh.
	Check func(context.Context, Store) error
}

func clause(name, promise string, play func(*stage), needs ...Capability) Clause {
	return Clause{Name: name, Promise: promise, Needs: needs, Check: checking(func(s *stage) {
		for _, c := range needs {
			if c.isInterface() && !s.has(c) {
				s.failf("the provider is no myvault.%s; declare it as lacking", c)
			}
		}
		play(s)
	})}
}

// Clauses gives all clauses, ordered by subject. The caller owns the slice.
func Clauses() []Clause {
	var all []Clause
	for _, group := range [][]Clause{
		putClauses, conditionClauses, getClauses, deleteClauses, undeleteClauses, destroyClauses,
		versionsClauses, listClauses, pagingClauses, projectClauses, projectDeleteClauses, registerClauses,
		commitClauses, trailClauses, recordClauses, filterClauses, auditorClauses,
		copyClauses, sizeClauses, nameClauses, timeClauses,
		iteratorClauses, raceClauses, contextClauses, endingClauses, closeClauses, persistentClauses,
		archiveClauses, limitedClauses, snapshotClauses,
	} {
		all = append(all, group...)
	}
	return all
}

// Run checks every clause in a subtest of its name. newStore makes a fresh store for
// each and may clean up through the test it is given. For a clause that needs what
// the provider lacks, the subtest logs "lacks" and the capability, and fails unless
// the provider truly lacks it.
func Run(t *testing.T, newStore func(testing.TB) Store, lacks ...Capability) {
	t.Helper()
	for _, c := range Clauses() {
		t.Run(c.Name, func(t *testing.T) {
			missing := slices.IndexFunc(c.Needs, func(n Capability) bool { return slices.Contains(lacks, n) })
			if missing < 0 {
				if err := c.Check(t.Context(), newStore(t)); err != nil {
					t.Errorf("%s But: %v", c.Promise, err)
				}
				return
			}
			t.Logf("lacks %s", c.Needs[missing])
			if err := c.Needs[missing].Absent(t.Context(), newStore(t)); err != nil {
				t.Error(err)
			}
		})
	}
}
