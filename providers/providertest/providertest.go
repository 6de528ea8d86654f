// Package providertest is the conformance suite for [myvault.Provider], as [testing/fstest] is for
// file systems. It has one named clause for each promise of the interface. The test of a provider
// runs it:
//
//	func TestConformance(t *testing.T) {
//		providertest.Run(t, func(t testing.TB) providertest.Store {
//			return providertest.Store{Open: func(ctx context.Context) (myvault.Provider, error) {
//				return memory.New(memory.Config{}), nil
//			}}
//		}, providertest.Auditor, providertest.Persistent)
//	}
//
// The last arguments declare the capabilities that the provider lacks, and the suite checks that
// it lacks them. Clauses return errors, so that the suite can be tested on broken providers.
//
// This command updates the table of providers and clauses in docs/providers.md:
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

// Store is an empty store to check a clause on. Each clause gets a new one.
type Store struct {
	// Open opens the store. Clauses close every provider that they open. Clauses that need
	// [Persistent] open the store again after Close, and expect its contents.
	Open func(context.Context) (myvault.Provider, error)
	// MaxProjects is the configured maximum of registered projects, at least 12. A small number
	// makes the suite faster. 0: myvault.MaxProjects.
	MaxProjects int
	// Timeout is how long a call may block before its clause fails, such as a write in a loop over
	// an iterator that holds a lock. 0: 30 seconds.
	Timeout time.Duration
}

// Clause is one promise of the contract of a provider or a trail.
type Clause struct {
	Name    string       // subject and detail, such as "put/first-version"
	Promise string       // the promise as a sentence
	Needs   []Capability // the capabilities that the promise requires
	// Check returns an error if the provider breaks the promise. The context applies to the whole
	// check. The store must be new.
	Check func(context.Context, Store) error
}

func clause(name, promise string, run func(*scenario), needs ...Capability) Clause {
	return Clause{Name: name, Promise: promise, Needs: needs, Check: checkFunc(func(s *scenario) {
		for _, c := range needs {
			if c.isInterface() && !s.has(c) {
				s.failf("the provider does not implement myvault.%s; declare it as lacking", c)
			}
		}
		run(s)
	})}
}

// Clauses returns all clauses, ordered by subject. The caller owns the slice.
func Clauses() []Clause {
	var all []Clause
	for _, group := range [][]Clause{
		putClauses, conditionClauses, getClauses, deleteClauses, undeleteClauses, destroyClauses,
		versionsClauses, listClauses, pagingClauses, projectClauses, projectDeleteClauses, registerClauses,
		commitClauses, trailClauses, recordClauses, filterClauses, auditorClauses,
		copyClauses, sizeClauses, nameClauses, timeClauses,
		iteratorClauses, raceClauses, contextClauses, endingClauses, closeClauses, persistentClauses,
		archiveClauses, limitedClauses, snapshotClauses, watchClauses,
	} {
		all = append(all, group...)
	}
	return all
}

// Run checks every clause in a subtest with its name. newStore returns a new store for each, and
// may register cleanups with its argument. If a clause needs a capability in lacks, the subtest
// logs "lacks" and the capability, and fails if the provider has it.
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
			if err := c.Needs[missing].CheckAbsent(t.Context(), newStore(t)); err != nil {
				t.Error(err)
			}
		})
	}
}
