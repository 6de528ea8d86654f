package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// filled returns a store with 10,000 secrets of 64 bytes.
func filled(b *testing.B, c storetest.Options) (*sqlite.Store, []myvault.Address) {
	b.Helper()
	s := storetest.OpenWith(b, b.TempDir(), crypto.NewKey(), c)
	value := string(make([]byte, 64))
	var all []myvault.Address
	for n := range 10 {
		var changes []myvault.Change
		for m := range 1000 {
			c := storetest.Put(fmt.Sprintf("project%d/prod/secret%d", n, m), value)
			changes, all = append(changes, c), append(all, c.Address)
		}
		if _, err := storetest.Apply(s, changes...); err != nil {
			b.Fatal(err)
		}
	}
	return s, all
}

// readings are the configurations compared: reads from the cache with either check that it is
// fresh, and reads from the file.
var readings = []struct {
	name   string
	config storetest.Options
}{
	{"hit", storetest.Options{}},
	{"hit/data_version", storetest.OptionsOf(sqlite.Config{}).WithoutWALIndex()},
	{"miss", storetest.OptionsOf(sqlite.Config{CacheBytes: -1})},
}

func BenchmarkGet(b *testing.B) {
	for _, r := range readings {
		s, all := filled(b, r.config)
		readAll(b, s, all)
		b.Run(r.name, func(b *testing.B) {
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Get(context.Background(), all[n%len(all)], 0); err != nil {
					b.Fatal(err)
				}
				n += 7919
			}
		})
		b.Run(r.name+"/parallel", func(b *testing.B) {
			var next atomic.Int64
			b.RunParallel(func(pb *testing.PB) {
				n := int(next.Add(1)) * 1013
				for pb.Next() {
					if _, err := s.Get(context.Background(), all[n%len(all)], 0); err != nil {
						b.Error(err)
						return
					}
					n += 7919
				}
			})
		})
	}
}

// BenchmarkGetAfterForeignCommit reads a cached secret, each time after another store of the
// directory has changed a different one.
func BenchmarkGetAfterForeignCommit(b *testing.B) {
	for _, r := range readings[:2] {
		b.Run(r.name, func(b *testing.B) {
			dir, key := b.TempDir(), crypto.NewKey()
			s, other := storetest.OpenWith(b, dir, key, r.config), storetest.OpenWith(b, dir, key, r.config)
			if _, err := storetest.Apply(s, storetest.Put("p/a", "a value of some bytes")); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				b.StopTimer()
				if _, err := storetest.Apply(other, storetest.Put("p/b", "another")); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if _, err := s.Get(context.Background(), storetest.Addr("p/a"), 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func readAll(b *testing.B, s *sqlite.Store, all []myvault.Address) {
	b.Helper()
	for _, a := range all {
		if _, err := s.Get(context.Background(), a, 0); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPut(b *testing.B) {
	s := storetest.Open(b, b.TempDir(), crypto.NewKey())
	for b.Loop() {
		if _, err := storetest.Apply(s, storetest.Put("p/a", "a value of some bytes")); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPutParallel(b *testing.B) {
	for _, callers := range []int{64, 256} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			s := storetest.Open(b, b.TempDir(), crypto.NewKey())
			var next atomic.Int64
			b.SetParallelism(callers / 2)
			b.RunParallel(func(pb *testing.PB) {
				where := fmt.Sprintf("p/a%d", next.Add(1))
				for pb.Next() {
					if _, err := storetest.Apply(s, storetest.Put(where, "a value of some bytes")); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

func BenchmarkRecordParallel(b *testing.B) {
	s := storetest.Open(b, b.TempDir(), crypto.NewKey())
	e := myvault.Entry{Service: "ui", Via: "header", Action: "read", Address: storetest.Addr("p/a"), At: storetest.At}
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := s.Record(context.Background(), e); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

func BenchmarkRecord(b *testing.B) {
	s := storetest.Open(b, b.TempDir(), crypto.NewKey())
	e := myvault.Entry{Service: "ui", Via: "header", Action: "read", Address: storetest.Addr("p/a"), At: storetest.At}
	for b.Loop() {
		if err := s.Record(context.Background(), e); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen opens a small store, reads its first value and closes it.
func BenchmarkOpen(b *testing.B) {
	dir, key := b.TempDir(), crypto.NewKey()
	s, err := sqlite.Open(b.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
	if err == nil {
		_, err = storetest.Apply(s, storetest.Put("p/a", "a value of some bytes"))
	}
	if err := errors.Join(err, s.Record(b.Context(), myvault.Entry{Action: "read", At: storetest.At}), s.Close()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := sqlite.Open(context.Background(), dir, sqlite.StaticKey(key), sqlite.Config{})
		if err == nil {
			_, err = s.Get(context.Background(), storetest.Addr("p/a"), 0)
		}
		if err = errors.Join(err, s.Close()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStrictRead reads a secret like a session with strict reads: entry, then value.
func BenchmarkStrictRead(b *testing.B) {
	s := storetest.Open(b, b.TempDir(), crypto.NewKey())
	if _, err := storetest.Apply(s, storetest.Put("p/a", "a value of some bytes")); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		err := s.Record(context.Background(), myvault.Entry{Service: "svc", Action: "read", Address: storetest.Addr("p/a"), Version: 1, At: storetest.At})
		if _, got := s.Get(context.Background(), storetest.Addr("p/a"), 0); errors.Join(err, got) != nil {
			b.Fatal(err, got)
		}
	}
}
