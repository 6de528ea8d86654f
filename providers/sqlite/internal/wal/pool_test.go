package wal_test

import (
	"context"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// cancelOnErr is a context that is canceled after left calls of Err. SQLite calls Err between its
// steps, and now and then within one.
type cancelOnErr struct {
	context.Context
	left int
}

func (a *cancelOnErr) Err() error {
	if a.left--; a.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestReadCanceledAtItsStart checks that a read canceled while its transaction starts leaves none
// open: later reads would see old data. SQLite calls Err once in a thousand steps, and starting a
// transaction takes three, so a thousand rounds hit each of them.
func TestReadCanceledAtItsStart(t *testing.T) {
	is := is.New(t)
	s := storetest.OpenWith(t, t.TempDir(), crypto.NewKey(), sqlite.Config{CacheBytes: -1})
	_, err := storetest.Apply(s, storetest.Put("p/a", "first"), storetest.Put("p/a", "second"))
	is.NoErr(err)
	for range 1000 {
		for left := range 5 {
			_, err := s.Get(&cancelOnErr{context.Background(), left}, storetest.Addr("p/a"), 1)
			is.True(err != nil)
		}
		_, err := s.Get(t.Context(), storetest.Addr("p/a"), 1)
		is.NoErr(err)
	}
}
