package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// Must fails the test if err is not nil.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// KeepEntries disables automatic pruning.
var KeepEntries = sqlite.TrailConfig{MaxAge: -1, MaxBytes: -1}

// Value returns the newest value at an address.
func Value(t testing.TB, s *sqlite.Store, where string) string {
	t.Helper()
	secret, err := s.Get(t.Context(), Addr(where), 0)
	if err != nil {
		t.Fatal(err)
	}
	return secret.Value.Reveal()
}

// At is the time of the changes that Apply makes.
var At = time.Date(2026, 3, 1, 12, 0, 0, 123000, time.UTC)

// Addr parses an address.
func Addr(s string) myvault.Address {
	a, err := myvault.ParseAddress(s)
	if err != nil {
		panic(err)
	}
	return a
}

// Open opens a store without automatic pruning and closes it with the test.
func Open(t testing.TB, dir string, key crypto.Key) *sqlite.Store {
	t.Helper()
	s, err := openIn(t, dir, key, Options{Config: sqlite.Config{Trail: KeepEntries}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Apply commits changes.
func Apply(s *sqlite.Store, changes ...myvault.Change) ([]myvault.Info, error) {
	return s.Apply(context.Background(), myvault.Commit{Changes: changes, By: "tester", At: At})
}

// Put returns a change that writes a value.
func Put(where, value string, conditions ...myvault.Condition) myvault.Change {
	c := myvault.Change{Op: myvault.OpPut, Address: Addr(where), Value: myvault.Text(value)}
	if len(conditions) > 0 {
		c.If = conditions[0]
	}
	return c
}

// On returns a change of versions of a secret.
func On(op myvault.Op, where string, versions ...myvault.Version) myvault.Change {
	return myvault.Change{Op: op, Address: Addr(where), Versions: versions}
}
