package wal_test

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
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// logLimit is the largest size of the write-ahead log: it is truncated from 64 MiB on, plus what is
// written until that succeeds.
const logLimit = 96 << 20

// largestLog writes the given number of bytes in large values, and returns the largest size of the
// log.
func largestLog(t *testing.T, s *sqlite.Store, dir string, bytes int) int64 {
	largest, _ := logSizes(t, s, dir, bytes)
	return largest
}

// logSizes is like largestLog, but also counts how often the log was truncated.
func logSizes(t *testing.T, s *sqlite.Store, dir string, bytes int) (largest int64, truncations int) {
	t.Helper()
	is := is.New(t)
	large := strings.Repeat("v", myvault.MaxValue)
	last := int64(0)
	for written := 0; written < bytes; written += len(large) {
		_, err := storetest.Apply(s, storetest.Put("p/large", large))
		is.NoErr(err)
		info, err := os.Stat(filepath.Join(dir, "vault.db-wal"))
		is.NoErr(err)
		if largest = max(largest, info.Size()); info.Size() < last {
			truncations++
		}
		last = info.Size()
	}
	return largest, truncations
}

// TestLogIsBoundedUnderReaders checks that the log is truncated while readers of this process
// overlap all the time. During Verify the log is not bounded, but truncated between its checks.
func TestLogIsBoundedUnderReaders(t *testing.T) {
	for name, read := range map[string]func(ctx context.Context, s *sqlite.Store) error{
		"Get": func(ctx context.Context, s *sqlite.Store) error {
			_, err := s.Get(ctx, storetest.Addr("p/large"), 1)
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
			s := storetest.OpenWith(t, dir, crypto.NewKey(), sqlite.Config{CacheBytes: -1})
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
			largest, truncations := logSizes(t, s, dir, 2*logLimit)
			stop()
			readers.Wait()
			t.Logf("the log had at most %d MiB and was truncated %d times", largest>>20, truncations)
			is.True(largest <= logLimit || name == "Verify")
			is.True(truncations > 0)
		})
	}
}

// TestLogShrinksAfterForeignTransaction checks that the space which a foreign transaction keeps in
// the log is freed once it ends.
func TestLogShrinksAfterForeignTransaction(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	s := storetest.OpenWith(t, dir, crypto.NewKey(), sqlite.Config{})
	largestLog(t, s, dir, 1<<20)
	shell := storetest.OpenRaw(t, dir, "vault.db")
	shell.Exec("BEGIN; SELECT count(*) FROM log")
	is.True(largestLog(t, s, dir, logLimit+16<<20) > logLimit) // it keeps the pages that the transaction reads
	stats, err := s.Stats(t.Context())
	is.NoErr(err)
	is.True(stats.Changes.LogBytes > logLimit) // the metric shows it
	shell.Exec("ROLLBACK")
	largestLog(t, s, dir, 32<<20)
	info, err := os.Stat(filepath.Join(dir, "vault.db-wal"))
	is.NoErr(err)
	is.True(info.Size() <= logLimit)
}
