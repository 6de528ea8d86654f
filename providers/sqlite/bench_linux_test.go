package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// BenchmarkPutAgainstDisk compares a durable change with appending and syncing as many bytes.
// The two alternate, so that both see the same disk.
func BenchmarkPutAgainstDisk(b *testing.B) {
	dir := b.TempDir()
	s := storetest.Open(b, filepath.Join(dir, "store"), crypto.NewKey())
	f, err := os.Create(filepath.Join(dir, "raw"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	frames := make([]byte, 2*(24+4096)) // of a change: one page of log, one of head
	var puts, disk time.Duration
	for b.Loop() {
		start := time.Now()
		if _, err := storetest.Apply(s, storetest.Put("p/a", "a value of some bytes")); err != nil {
			b.Fatal(err)
		}
		between := time.Now()
		if _, err := f.Write(frames); err != nil {
			b.Fatal(err)
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
		puts += between.Sub(start)
		disk += time.Since(between)
	}
	b.ReportMetric(float64(puts.Nanoseconds())/float64(b.N), "put-ns/op")
	b.ReportMetric(float64(disk.Nanoseconds())/float64(b.N), "disk-ns/op")
	b.ReportMetric(float64(disk)/float64(puts), "x-of-disk")
}

// BenchmarkRecordBesideWriters records while 16 others change secrets.
func BenchmarkRecordBesideWriters(b *testing.B) {
	s := storetest.Open(b, b.TempDir(), crypto.NewKey())
	ctx, cancel := context.WithCancel(context.Background())
	var writers sync.WaitGroup
	for n := range 16 {
		writers.Go(func() {
			for ctx.Err() == nil {
				if _, err := storetest.Apply(s, storetest.Put(fmt.Sprintf("p/a%d", n), "a value of some bytes")); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		if err := s.Record(context.Background(), storetest.ARead); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	cancel()
	writers.Wait()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
}

// BenchmarkStoresAtOnce writes through several stores of one directory at once, like several
// processes, and reports the slowest change.
func BenchmarkStoresAtOnce(b *testing.B) {
	for _, count := range []int{1, 2, 4} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			dir, key := b.TempDir(), crypto.NewKey()
			var wait sync.WaitGroup
			worst, done := make([]time.Duration, count), make([]int, count)
			end := time.Now().Add(time.Second)
			for i := range count {
				s := storetest.Open(b, dir, key)
				wait.Go(func() {
					for time.Now().Before(end) {
						start := time.Now()
						if _, err := storetest.Apply(s, storetest.Put(fmt.Sprintf("p/of%d", i), "a value of some bytes")); err != nil {
							b.Error(err)
							return
						}
						worst[i] = max(worst[i], time.Since(start))
						done[i]++
					}
				})
			}
			wait.Wait()
			all := 0
			for _, n := range done {
				all += n
			}
			b.ReportMetric(float64(slices.Max(worst).Microseconds()), "worst-us")
			b.ReportMetric(float64(all), "changes/s")
			b.ReportMetric(float64(slices.Min(done))/float64(all)*float64(count), "least-share")
		})
	}
}
