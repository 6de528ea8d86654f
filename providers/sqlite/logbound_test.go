package sqlite_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// logLimit is what the write-ahead log may take: 64 MiB from which on it is cut, and what is written until
// the cut succeeds.
const logLimit = 96 << 20

// largestLog writes large values until so many bytes are written, and returns the largest size of the log.
func largestLog(t *testing.T, s *sqlite.Store, dir string, bytes int) (largest int64) {
	t.Helper()
	is := is.New(t)
	large := strings.Repeat("v", myvault.MaxValue)
	for written := 0; written < bytes; written += len(large) {
		_, err := apply(s, put("p/large", large))
		is.NoErr(err)
		info, err := os.Stat(filepath.Join(dir, "vault.db-wal"))
		is.NoErr(err)
		largest = max(largest, info.Size())
	}
	return largest
}

// Readers of this process that never pause together do not keep the log from being cut.
func TestTheLogIsBoundedUnderReaders(t *testing.T) {
	for name, read := range map[string]func(ctx context.Context, s *sqlite.Store) error{
		"Get": func(ctx context.Context, s *sqlite.Store) error {
			_, err := s.Get(ctx, addr("p/large"), 1)
			return err
		},
		"Verify": func(ctx context.Context, s *sqlite.Store) error {
			_, err := s.Verify(ctx)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir := t.TempDir()
			s := openWith(t, dir, crypto.NewKey(), sqlite.Config{CacheBytes: -1})
			largestLog(t, s, dir, 1<<20)
			ctx, stop := context.WithCancel(t.Context())
			var readers sync.WaitGroup
			for range 6 {
				readers.Go(func() {
					for ctx.Err() == nil {
						if err := read(ctx, s); err != nil && ctx.Err() == nil {
							t.Error(err)
							return
						}
					}
				})
			}
			largest := largestLog(t, s, dir, 2*logLimit)
			stop()
			readers.Wait()
			t.Logf("the log had %d MiB at most", largest>>20)
			is.True(largest <= logLimit)
		})
	}
}

// What a foreign transaction keeps in the log is given back once it ends.
func TestTheLogShrinksAfterAForeignTransaction(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	s := openWith(t, dir, crypto.NewKey(), sqlite.Config{})
	largestLog(t, s, dir, 1<<20)
	shell := rawOpen(t, dir, "vault.db")
	shell.exec("BEGIN; SELECT count(*) FROM log")
	is.True(largestLog(t, s, dir, logLimit+16<<20) > logLimit) // it must keep what the transaction sees
	stats, err := s.Stats(t.Context())
	is.NoErr(err)
	is.True(stats.Changes.LogBytes > logLimit) // the metric tells
	shell.exec("ROLLBACK")
	largestLog(t, s, dir, 32<<20)
	info, err := os.Stat(filepath.Join(dir, "vault.db-wal"))
	is.NoErr(err)
	is.True(info.Size() <= logLimit)
}
