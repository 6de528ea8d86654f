package providertest_test

import (
	"slices"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/providers/providertest"
)

// broken is a provider that breaks one promise, and the clauses that must notice.
type broken struct {
	name   string
	spoil  func(*fake)
	caught []string
}

func allBroken() []broken {
	return slices.Concat(brokenVersions, brokenReads, brokenProjects, brokenCommits, brokenTrails, brokenCalls, brokenStores, brokenArchives, brokenSnapshots)
}

// Each broken provider is caught by the clauses that name the promise it breaks.
func TestBrokenProviders(t *testing.T) {
	for _, b := range allBroken() {
		t.Run(b.name, func(t *testing.T) {
			is := is.New(t)
			is.True(len(b.caught) > 0)
			for _, name := range b.caught {
				i := slices.IndexFunc(providertest.Clauses(), func(c providertest.Clause) bool { return c.Name == name })
				is.True(i >= 0) // there is such a clause
				err := providertest.Clauses()[i].Check(t.Context(), faked(t, b.spoil))
				is.True(err != nil) // the clause notices
				t.Logf("%s: %v", name, err)
			}
		})
	}
}

// A clause that no broken provider fails could be empty.
func TestEveryClauseCatches(t *testing.T) {
	is := is.New(t)
	idle := providertest.Clauses()
	for _, b := range allBroken() {
		idle = slices.DeleteFunc(idle, func(c providertest.Clause) bool {
			return c.Check(t.Context(), faked(t, b.spoil)) != nil
		})
	}
	for _, c := range idle {
		t.Logf("%s catches nothing", c.Name)
	}
	is.Equal(len(idle), 0)
}
