package live_test

import (
	"context"
	"flag"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/live"
	"github.com/myswiftagent/myvault/vaulttest"
)

var swaps = flag.Int("swaps", 3000, "how many changes TestReadersSeeNoBadSet makes")

// wide has enough fields that a set which is not swapped whole would be seen in parts.
type wide struct {
	Left   int           `vault:"prod/left"`
	Right  int           `vault:"prod/right,json"`
	Again  string        `vault:"prod/left"`
	Opaque myvault.Value `vault:"prod/right"`
	Nested struct {
		Left int64 `vault:"prod/left"`
	}
}

// Validate is true of good sets, and each reader checks it too.
func (w *wide) Validate() error {
	text, opaque := strconv.Itoa(w.Left), strconv.Itoa(-w.Left)
	if w.Right != -w.Left || w.Again != text || w.Nested.Left != int64(w.Left) || w.Opaque.Reveal() != opaque {
		return fmt.Errorf("the fields do not match")
	}
	return nil
}

// TestReadersSeeNoBadSet has 8 readers that check each set while the secrets are changed. Every
// third change cannot be parsed, and every third does not match.
func TestReadersSeeNoBadSet(t *testing.T) {
	is := is.New(t)
	session := vaulttest.New(t, map[string]string{"newsbot/prod/left": "0", "newsbot/prod/right": "0"}).As(vaulttest.DefaultService)
	l := bind[wide](t, session, live.Config{Interval: time.Hour})
	var done atomic.Bool
	var loads, bad atomic.Int64
	var readers sync.WaitGroup
	for range 8 {
		readers.Go(func() {
			last := 0
			for !done.Load() {
				set := l.Load()
				loads.Add(1)
				if set.Validate() != nil || set.Left < last {
					bad.Add(1)
				}
				last = set.Left
			}
		})
	}
	good, refused := 0, 0
	for n := 1; n <= *swaps; n++ {
		left, right := strconv.Itoa(n), strconv.Itoa(-n)
		switch n % 3 {
		case 1:
			right = "not a number"
		case 2:
			right = "1"
		}
		if err := putPair(context.Background(), session, left, right); err != nil {
			t.Fatal(err)
		}
		if err := l.Refresh(context.Background()); (err == nil) != (n%3 == 0) {
			t.Fatalf("swap %d: %v", n, err)
		}
		if n%3 == 0 {
			good++
			is.Equal(l.Load().Left, n)
		} else {
			refused++
		}
	}
	done.Store(true)
	readers.Wait()
	is.Equal(bad.Load(), int64(0))
	t.Logf("%d sets swapped, %d refused, %d loads by 8 readers", good, refused, loads.Load())
}

// sink keeps the compiler from removing a load.
var sink atomic.Int64

// BenchmarkLoad compares Load with an atomic load of a pointer.
func BenchmarkLoad(b *testing.B) {
	vault := vaulttest.New(b, map[string]string{"newsbot/prod/left": "1", "newsbot/prod/right": "-1"})
	l, err := live.Bind[pair](b.Context(), vault.As(vaulttest.DefaultService), "newsbot")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	b.Run("Load", func(b *testing.B) {
		sum := 0
		for b.Loop() {
			sum += l.Load().Left
		}
		sink.Store(int64(sum))
	})
	b.Run("atomic", func(b *testing.B) {
		var p atomic.Pointer[pair]
		p.Store(&pair{Left: 1})
		sum := 0
		for b.Loop() {
			sum += p.Load().Left
		}
		sink.Store(int64(sum))
	})
}

// BenchmarkRefresh is one round without a change, and one with a change of two secrets.
func BenchmarkRefresh(b *testing.B) {
	vault := vaulttest.New(b, map[string]string{"newsbot/prod/left": "1", "newsbot/prod/right": "-1"})
	session := vault.As(vaulttest.DefaultService)
	l, err := live.Bind[pair](b.Context(), session, "newsbot")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for b.Loop() {
		if err := l.Refresh(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
