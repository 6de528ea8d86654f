package process_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// loadFor returns how long the processes run at least.
func loadFor() time.Duration {
	if storetest.LongPass() {
		return 15 * time.Second
	}
	return time.Second
}

// load increments a number shared by all processes, in two goroutines, until standard input ends.
// It prints a line after its first increment. At the end it prints the number of increments, of
// conflicts, and its longest wait.
func load(s *sqlite.Store) error {
	type result struct {
		counted, refused int
		worst            time.Duration
		err              error
	}
	results := make(chan result)
	var over atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		over.Store(true)
	}()
	first := sync.OnceFunc(func() { fmt.Println("counted") })
	for range 2 {
		go func() {
			var r result
			for r.err == nil && !over.Load() {
				began := time.Now()
				r.err = countOne(s)
				r.worst = max(r.worst, time.Since(began))
				switch {
				case r.err == nil:
					r.counted++
					first()
				case errors.Is(r.err, myvault.ErrConflict):
					r.refused, r.err = r.refused+1, nil
				}
			}
			results <- r
		}()
	}
	a, b := <-results, <-results
	fmt.Println(a.counted+b.counted, a.refused+b.refused, int64(max(a.worst, b.worst)))
	return errors.Join(a.err, b.err)
}

func countOne(s *sqlite.Store) error {
	secret, err := s.Get(context.Background(), storetest.Addr("p/counter"), 0)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(secret.Value.Reveal())
	if err != nil {
		return err
	}
	_, err = storetest.Apply(s, storetest.Put("p/counter", strconv.Itoa(n+1), myvault.IfVersion(secret.Version)))
	return err
}

// TestProcessesUnderLoad checks that several processes under load lose no update, and logs the
// share of each.
func TestProcessesUnderLoad(t *testing.T) {
	t.Parallel()
	for _, processes := range []int{2, 4} {
		t.Run(fmt.Sprint(processes, " processes"), func(t *testing.T) {
			is := is.New(t)
			dir, key := t.TempDir(), crypto.NewKey()
			s := storetest.Open(t, dir, key)
			_, err := storetest.Apply(s, storetest.Put("p/counter", "0"))
			is.NoErr(err)
			var loads []*storetest.Talker
			for range processes {
				loads = append(loads, storetest.StartJob(t, "load", dir, key))
			}
			for _, l := range loads {
				is.True(l.Out.Scan()) // hangs if a process starves
				is.Equal(l.Out.Text(), "counted")
			}
			time.Sleep(loadFor())
			for _, l := range loads {
				is.NoErr(l.In.Close())
			}
			total := 0
			for i, l := range loads {
				var counted, refused int
				var worst time.Duration
				is.True(l.Out.Scan())
				_, err := fmt.Sscan(l.Out.Text(), &counted, &refused, &worst)
				is.NoErr(err)
				is.NoErr(l.Cmd.Wait())
				total += counted
				t.Logf("process %d: %d increments, %d conflicts, longest wait %v", i+1, counted, refused, worst.Round(time.Microsecond))
			}
			secret, err := s.Get(t.Context(), storetest.Addr("p/counter"), 0)
			is.NoErr(err)
			is.Equal(secret.Value.Reveal(), strconv.Itoa(total)) // none lost, none duplicated
			is.Equal(secret.Version, myvault.Version(total+1))
			_, err = s.Verify(t.Context())
			is.NoErr(err)
		})
	}
}
