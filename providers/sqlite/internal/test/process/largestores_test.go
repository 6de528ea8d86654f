package process_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// fill adds the given number of secrets of 64 bytes to a store.
func fill(b *testing.B, s *sqlite.Store, secrets int) {
	b.Helper()
	value := strings.Repeat("v", 64)
	var changes []myvault.Change
	for n := range secrets {
		// Secrets with adjacent names are written at different times.
		changes = append(changes, storetest.Put(fmt.Sprintf("project%d/prod/secret%d", n%100, n), value))
		if len(changes) == 10_000 || n == secrets-1 {
			if _, err := storetest.Apply(s, changes...); err != nil {
				b.Fatal(err)
			}
			changes = changes[:0]
		}
	}
}

// BenchmarkScale measures costs that must not depend on the number of secrets. It opens the store,
// lists a page of 100 under a prefix of 1/100 of all, and reports the memory of a process that
// lists and reads every secret.
//
//	go test -run '^$' -bench Scale -benchtime 100x ./providers/sqlite/internal/test/process
func BenchmarkScale(b *testing.B) {
	for _, secrets := range []int{1_000, 10_000, 100_000, 1_000_000} {
		b.Run(strconv.Itoa(secrets), func(b *testing.B) {
			dir, key := b.TempDir(), crypto.NewKey()
			s, err := sqlite.Open(context.Background(), dir, sqlite.StaticKey(key), sqlite.Config{})
			if err != nil {
				b.Fatal(err)
			}
			fill(b, s, secrets)
			if err := s.Close(); err != nil {
				b.Fatal(err)
			}
			b.Run("open", func(b *testing.B) { benchmarkOpen(b, dir, key) })
			b.Run("page", func(b *testing.B) { benchmarkPage(b, storetest.Open(b, dir, key)) })
			b.Run("memory", func(b *testing.B) { benchmarkMemory(b, dir, key) })
		})
	}
}

func benchmarkOpen(b *testing.B, dir string, key crypto.Key) {
	for b.Loop() {
		s, err := sqlite.Open(context.Background(), dir, sqlite.StaticKey(key), sqlite.Config{})
		b.StopTimer()
		if err = errors.Join(err, s.Close()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkOpenAfterCrash opens a store whose process died with a full write-ahead log.
func BenchmarkOpenAfterCrash(b *testing.B) {
	dir, key := b.TempDir(), crypto.NewKey()
	s := storetest.Open(b, dir, key)
	crashed := b.TempDir()
	for size := int64(0); size < 16<<20; {
		fill(b, s, 5_000)
		info, err := os.Stat(filepath.Join(dir, "vault.db-wal"))
		if err != nil {
			b.Fatal(err)
		}
		size = info.Size()
	}
	for b.Loop() {
		b.StopTimer()
		if err := errors.Join(os.RemoveAll(crashed), os.CopyFS(crashed, os.DirFS(dir)), os.Chmod(crashed, 0o700)); err != nil {
			b.Fatal(err)
		}
		files, err := filepath.Glob(filepath.Join(crashed, "*"))
		for _, file := range files {
			err = errors.Join(err, os.Chmod(file, 0o600))
		}
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		s, err := sqlite.Open(context.Background(), crashed, sqlite.StaticKey(key), sqlite.Config{})
		b.StopTimer()
		if err = errors.Join(err, s.Close()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func benchmarkPage(b *testing.B, s *sqlite.Store) {
	for b.Loop() {
		n := 0
		for _, err := range s.List(context.Background(), myvault.ListOptions{Prefix: myvault.Prefix{Project: "project7", Path: "prod/"}}) {
			if err != nil {
				b.Fatal(err)
			}
			if n++; n == 100 {
				break
			}
		}
	}
}

func benchmarkMemory(b *testing.B, dir string, key crypto.Key) {
	if runtime.GOOS != "linux" {
		b.Skip("the memory of a process is read from /proc")
	}
	cmd, out := storetest.Process(b, "measure", dir, key)
	text, err := io.ReadAll(out)
	if err = errors.Join(err, cmd.Wait()); err != nil {
		b.Fatal(err)
	}
	kilobytes, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(kilobytes)/1024, "MiB")
	b.ReportMetric(0, "ns/op")
}

// measure lists and reads all secrets, and prints the peak memory of the process in kB.
func measure(s *sqlite.Store) error {
	for info, err := range s.List(context.Background(), myvault.ListOptions{}) {
		if err == nil {
			_, err = s.Get(context.Background(), info.Address, 0)
		}
		if err != nil {
			return err
		}
	}
	status, err := os.Open("/proc/self/status")
	if err != nil {
		return err
	}
	defer status.Close()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) == 3 && fields[0] == "VmHWM:" {
			fmt.Println(fields[1])
		}
	}
	return nil
}
