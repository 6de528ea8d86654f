package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// loadFor is how long a process loads a store.
func loadFor() time.Duration {
	if long() {
		return 15 * time.Second
	}
	return time.Second
}

// load counts up a number that all processes share, for a while, by two callers, and prints
// how often it did, how often another was faster, and its longest wait.
func load(s *sqlite.Store) error {
	type result struct {
		counted, refused int
		worst            time.Duration
		err              error
	}
	results := make(chan result)
	end := time.Now().Add(loadFor())
	for range 2 {
		go func() {
			var r result
			for r.err == nil && time.Now().Before(end) {
				began := time.Now()
				r.err = countOne(s)
				r.worst = max(r.worst, time.Since(began))
				if errors.Is(r.err, myvault.ErrConflict) {
					r.refused, r.err = r.refused+1, nil
				} else {
					r.counted++
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
	secret, err := s.Get(context.Background(), addr("p/counter"), 0)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(secret.Value.Reveal())
	if err != nil {
		return err
	}
	_, err = apply(s, put("p/counter", strconv.Itoa(n+1), myvault.IfVersion(secret.Version)))
	return err
}

// Several processes under load lose no update; what each got through is told.
func TestProcessesUnderLoad(t *testing.T) {
	for _, processes := range []int{2, 4} {
		t.Run(fmt.Sprint(processes, " processes"), func(t *testing.T) {
			is := is.New(t)
			dir, key := t.TempDir(), crypto.NewKey()
			s := open(t, dir, key)
			_, err := apply(s, put("p/counter", "0"))
			is.NoErr(err)
			var outs []io.Reader
			for range processes {
				_, out := process(t, "load", dir, key)
				outs = append(outs, out)
			}
			total := 0
			for i, out := range outs {
				var counted, refused int
				var worst time.Duration
				_, err := fmt.Fscanln(bufio.NewReader(out), &counted, &refused, &worst)
				is.NoErr(err)
				is.True(counted > 0) // nobody is shut out
				total += counted
				t.Logf("process %d: %d counted, %d times another was faster, longest wait %v", i+1, counted, refused, worst.Round(time.Microsecond))
			}
			secret, err := s.Get(t.Context(), addr("p/counter"), 0)
			is.NoErr(err)
			is.Equal(secret.Value.Reveal(), strconv.Itoa(total)) // none lost, none doubled
			is.Equal(secret.Version, myvault.Version(total+1))
			_, err = s.Verify(t.Context())
			is.NoErr(err)
		})
	}
}
