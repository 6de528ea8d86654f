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

// logLimit is what the write-ahead log may take: 64 MiB from which on it is cut, and what is
// written until the cut succeeds.
const logLimit = 96 << 20

// largestLog writes large values until so many bytes are written, and returns the largest size of
// the log.
func largestLog(t *testing.T, s *sqlite.Store, dir string, bytes int) int64 {
	largest, _ := logSizes(t, s, dir, bytes)
	return largest
}

// logSizes is largestLog, and counts how often the log became smaller.
func logSizes(t *testing.T, s *sqlite.Store, dir string, bytes int) (largest int64, cuts int) {
	t.Helper()
	is := is.New(t)
	large := strings.Repeat("v", myvault.MaxValue)
	last := int64(0)
	for written := 0; written < bytes; written += len(large) {
		_, err := apply(s, put("p/large", large))
		is.NoErr(err)
		info, err := os.Stat(filepath.Join(dir, "vault.db-wal"))
		is.NoErr(err)
		if largest = max(largest, info.Size()); info.Size() < last {
			cuts++
		}
		last = info.Size()
	}
	return largest, cuts
}

// Readers of this process that never pause together do not keep the log from being cut. What is
// written while Verify checks a whole file is not bounded, but the log is cut between two checks.
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
			largest, cuts := logSizes(t, s, dir, 2*logLimit)
			stop()
			readers.Wait()
			t.Logf("the log had %d MiB at most, and was cut %d times", largest>>20, cuts)
			is.True(largest <= logLimit || name == "Verify")
			is.True(cuts > 0)
		})
	}
}

// The space that a foreign transaction keeps in the log is freed once it ends.
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
	is.True(stats.Changes.LogBytes > logLimit) // the metric shows it
	shell.exec("ROLLBACK")
	largestLog(t, s, dir, 32<<20)
	info, err := os.Stat(filepath.Join(dir, "vault.db-wal"))
	is.NoErr(err)
	is.True(info.Size() <= logLimit)
}
