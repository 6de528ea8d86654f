package sqlite

import (
	"context"
	"math"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// FileStats has the counts of one file since this process opened it, and its size.
type FileStats struct {
	Commits  uint64 // transactions
	Requests uint64 // changes, or calls of Record, that they took together; by Commits it is the size of a batch
	Bytes    int64  // of the file
	LogBytes int64  // of its write-ahead log
}

// Stats has the counts of a Store since this process opened it.
type Stats struct {
	CacheHits   uint64 // reads that the cache answered
	CacheMisses uint64 // reads that went to the file
	CacheBytes  int64  // rows in the cache
	Epoch       uint32 // the number of the data key in force
	Seals       uint64 // rows of the log since that epoch began; at 2^28 the next one begins
	Changes     FileStats
	Access      FileStats
	Entries     uint64 // the sequence of the newest access entry
}

// counter is a number that many goroutines add to, spread so that they seldom meet.
type counter [32]struct {
	atomic.Uint64
	_ [56]byte // a cache line each
}

func (c *counter) sum() (n uint64) {
	for i := range c {
		n += c[i].Load()
	}
	return n
}

func fileStats(f *wal.File) FileStats {
	return FileStats{
		Commits: f.Writer.Commits.Load(), Requests: f.Writer.Requests.Load(),
		Bytes: wal.FileSize(f.Path), LogBytes: wal.FileSize(f.Path + "-wal"),
	}
}

// Stats returns the current counts. It returns ErrUnavailable or ErrClosed if the store
// cannot be read.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	stats := Stats{CacheHits: s.hits.sum(), CacheMisses: s.misses.Load(), CacheBytes: s.cache.Size(), Changes: fileStats(s.file), Access: fileStats(s.trail.File)}
	err := s.file.Readers.Read(ctx, func(c *db.Conn) error {
		return c.Each(`SELECT epoch, (SELECT coalesce(max(seq), 0) FROM log) + 1 - first FROM epoch ORDER BY epoch DESC LIMIT 1`, func(row *sqlite3.Stmt) error {
			stats.Epoch, stats.Seals = uint32(row.ColumnInt64(0)), uint64(row.ColumnInt64(1))
			return nil
		})
	})
	if err == nil {
		stats.Entries, err = s.trail.Newest(ctx)
	}
	return stats, err
}

// Metrics implements [myvault.Instrumented]: the Stats.
func (s *Store) Metrics(ctx context.Context) []myvault.Metric {
	stats, err := s.Stats(ctx)
	all := append(stats.Changes.metrics("changes"), stats.Access.metrics("access")...)
	all = append(all,
		myvault.Metric{Name: "cache_hits_total", Help: "Reads that the cache of sealed rows answered.", Counter: true, Value: float64(stats.CacheHits)},
		myvault.Metric{Name: "cache_misses_total", Help: "Reads that went to the file.", Counter: true, Value: float64(stats.CacheMisses)},
		myvault.Metric{Name: "cache_bytes", Help: "Bytes of sealed rows in the cache.", Value: float64(stats.CacheBytes)},
	)
	return append(all,
		myvault.Metric{Name: "epoch", Help: "Number of the data key in force.", Value: orNaN(float64(stats.Epoch), err)},
		myvault.Metric{Name: "epoch_seals", Help: "Rows written since that data key came into force.", Value: orNaN(float64(stats.Seals), err)},
		entriesMetric(stats.Entries, err),
	)
}

func entriesMetric(seq uint64, err error) myvault.Metric {
	return myvault.Metric{Name: "access_entries", Help: "Sequence of the newest access entry.", Value: orNaN(float64(seq), err)}
}

// orNaN returns n, or NaN if the file could not be read.
func orNaN(n float64, err error) float64 {
	if err != nil {
		return math.NaN()
	}
	return n
}

func (f FileStats) metrics(chain string) []myvault.Metric {
	return []myvault.Metric{
		{Name: chain + "_commits_total", Help: "Transactions on this file.", Counter: true, Value: float64(f.Commits)},
		{Name: chain + "_requests_total", Help: "Requests in those transactions; by commits it is the size of a batch.", Counter: true, Value: float64(f.Requests)},
		{Name: chain + "_file_bytes", Help: "Size of the file.", Value: float64(f.Bytes)},
		{Name: chain + "_log_bytes", Help: "Size of the write-ahead log of the file.", Value: float64(f.LogBytes)},
	}
}
