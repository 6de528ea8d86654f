package providertest_test

import (
	"slices"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/providers/providertest"
)

// broken is a provider that breaks a promise, and the clauses that must fail on it.
type broken struct {
	name    string
	corrupt func(*fake)
	failing []string
}

func allBroken() []broken {
	return slices.Concat(brokenVersions, brokenReads, brokenProjects, brokenCommits, brokenTrails, brokenCalls, brokenStores, brokenArchives, brokenSnapshots)
}

// The listed clauses fail on each broken provider.
func TestBrokenProviders(t *testing.T) {
	for _, b := range allBroken() {
		t.Run(b.name, func(t *testing.T) {
			is := is.New(t)
			is.True(len(b.failing) > 0)
			for _, name := range b.failing {
				i := slices.IndexFunc(providertest.Clauses(), func(c providertest.Clause) bool { return c.Name == name })
				is.True(i >= 0) // the clause exists
				err := providertest.Clauses()[i].Check(t.Context(), faked(t, b.corrupt))
				is.True(err != nil) // the clause fails
				t.Logf("%s: %v", name, err)
			}
		})
	}
}

// TestEveryClauseFails checks that each clause fails on at least one broken provider: otherwise it
// could be empty. TestBrokenProviders runs the clauses that a broken provider lists, so this test
// only runs the others.
func TestEveryClauseFails(t *testing.T) {
	is := is.New(t)
	passing := providertest.Clauses()
	for _, b := range allBroken() {
		passing = slices.DeleteFunc(passing, func(c providertest.Clause) bool {
			return slices.Contains(b.failing, c.Name)
		})
	}
	for _, b := range allBroken() {
		passing = slices.DeleteFunc(passing, func(c providertest.Clause) bool {
			return c.Check(t.Context(), faked(t, b.corrupt)) != nil
		})
	}
	for _, c := range passing {
		t.Logf("%s never fails", c.Name)
	}
	is.Equal(len(passing), 0)
}
