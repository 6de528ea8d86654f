package providertest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/providertest"
)

var errUnsupported = fmt.Errorf("one change at a time: %w", errors.ErrUnsupported)

// inMemory returns stores of memory providers, each wrapped by wrap.
func inMemory(wrap func(*memory.Provider) myvault.Provider) func(testing.TB) providertest.Store {
	return func(testing.TB) providertest.Store {
		return providertest.Store{MaxProjects: projects, Open: func(context.Context) (myvault.Provider, error) {
			return wrap(memory.New(memory.Config{MaxProjects: projects})), nil
		}}
	}
}

// A provider that keeps every promise passes without a declared lack.
func TestRunOnWholeProvider(t *testing.T) {
	providertest.Run(t, func(t testing.TB) providertest.Store {
		store := faked(t, func(*fake) {})
		store.Timeout = 0 // no call blocks, but the machine may be slow
		return store
	})
}

// A provider without any capability passes if all of them are declared as lacking.
func TestRunOnPlainProvider(t *testing.T) {
	providertest.Run(t, inMemory(func(m *memory.Provider) myvault.Provider { return single{m} }),
		providertest.Trail, providertest.Auditor, providertest.Incarnation, providertest.Archive, providertest.Limited,
		providertest.Snapshotter, providertest.Watcher, providertest.EachCommit, providertest.ManyChanges, providertest.Persistent)
}

func TestClauses(t *testing.T) {
	is := is.New(t)
	clauses := providertest.Clauses()
	is.True(len(clauses) >= 100) // the contract has many promises
	seen := map[string]bool{}
	for _, c := range clauses {
		subject, about, found := strings.Cut(c.Name, "/")
		is.True(found && subject != "" && about != "") // names are subject/about
		is.True(!strings.ContainsAny(c.Name, " |_"))   // names are plain in test output and in the table
		is.True(!seen[c.Name])                         // names are unique
		seen[c.Name] = true
		is.True(strings.HasSuffix(c.Promise, "."))     // promises are sentences
		is.True(!strings.ContainsAny(c.Promise, "|<")) // promises are plain in the table
		is.True(c.Check != nil)
	}
	clauses[0].Name = "changed"
	is.True(providertest.Clauses()[0].Name != "changed") // the caller owns the slice
}

// A declared lack must be true.
func TestCheckAbsent(t *testing.T) {
	complete := func(t testing.TB) providertest.Store { return faked(t, func(*fake) {}) }
	plain := inMemory(func(m *memory.Provider) myvault.Provider { return single{m} })
	for _, c := range []providertest.Capability{
		providertest.Trail, providertest.Auditor, providertest.Incarnation, providertest.Archive, providertest.Limited,
		providertest.Snapshotter, providertest.Watcher, providertest.EachCommit, providertest.ManyChanges, providertest.Persistent,
	} {
		t.Run(string(c), func(t *testing.T) {
			is := is.New(t)
			is.NoErr(c.CheckAbsent(t.Context(), plain(t)))          // it lacks the capability
			is.True(c.CheckAbsent(t.Context(), complete(t)) != nil) // it has the capability
		})
	}
	is := is.New(t)
	is.True(providertest.Capability("Trial").CheckAbsent(t.Context(), plain(t)) != nil) // unknown
}

// An undeclared lack fails the clauses that need the capability.
func TestUndeclared(t *testing.T) {
	is := is.New(t)
	newStore := inMemory(func(m *memory.Provider) myvault.Provider { return single{m} })
	for _, c := range providertest.Clauses() {
		if len(c.Needs) > 0 {
			is.True(c.Check(t.Context(), newStore(t)) != nil)
		}
	}
}

// If the store cannot be opened, every clause fails with that error.
func TestOpenFails(t *testing.T) {
	is := is.New(t)
	store := providertest.Store{Open: func(context.Context) (myvault.Provider, error) { return nil, myvault.ErrUnavailable }}
	for _, c := range providertest.Clauses() {
		is.True(errors.Is(c.Check(t.Context(), store), myvault.ErrUnavailable))
	}
}

// An error of Close fails the clause.
func TestCloseFails(t *testing.T) {
	is := is.New(t)
	store := faked(t, func(f *fake) { f.close = func() error { return myvault.ErrUnavailable } })
	is.True(errors.Is(providertest.Clauses()[0].Check(t.Context(), store), myvault.ErrUnavailable))
}

// The committed table has a row for each clause, in their order.
func TestTableIsCurrent(t *testing.T) {
	is := is.New(t)
	text, err := os.ReadFile("../../docs/providers.md")
	is.NoErr(err)
	_, rest, found := strings.Cut(string(text), "<!-- matrix -->")
	is.True(found) // the marker before the table
	table, _, found := strings.Cut(rest, "<!-- end of matrix -->")
	is.True(found) // the marker after the table
	var got, want []string
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, " | "); strings.HasPrefix(line, "| `") {
			got = append(got, strings.Join(cells[:2], " | "))
		}
	}
	for _, c := range providertest.Clauses() {
		want = append(want, fmt.Sprintf("| `%s` | %s", c.Name, c.Promise))
	}
	is.True(slices.Equal(got, want)) // else: go generate ./providers/providertest
}
