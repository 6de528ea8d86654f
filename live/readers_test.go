package live_test

import (
	"context"
	"flag"
	"fmt"
	"iter"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/client"
	"github.com/myswiftagent/myvault/live"
	"github.com/myswiftagent/myvault/vaulttest"
)

var swaps = flag.Int("swaps", 30_000, "how many changes TestReadersSeeNoBadSet makes")

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
	source := &twoSecrets{left: "0", right: "0", version: 1}
	l := bind[wide](t, source, live.Config{Interval: time.Hour})
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
				runtime.Gosched()
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
		source.put(left, right)
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

// twoSecrets is a source of two secrets that are changed together. It keeps no history, so that a
// million changes fit into memory.
type twoSecrets struct {
	mu          sync.Mutex
	left, right string
	version     myvault.Version
}

func (s *twoSecrets) put(left, right string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left, s.right = left, right
	s.version++
}

func (s *twoSecrets) Get(_ context.Context, addr myvault.Address) (myvault.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value := s.left
	if addr == at("prod/right") {
		value = s.right
	}
	return myvault.Secret{Info: s.info(addr.Path), Value: myvault.Text(value)}, nil
}

func (s *twoSecrets) info(path string) myvault.Info {
	return myvault.Info{Address: at(path), Version: s.version, State: myvault.Live}
}

func (s *twoSecrets) List(context.Context, myvault.ListOptions) iter.Seq2[myvault.Info, error] {
	return func(yield func(myvault.Info, error) bool) {
		s.mu.Lock()
		left, right := s.info("prod/left"), s.info("prod/right")
		s.mu.Unlock()
		_ = yield(left, nil) && yield(right, nil)
	}
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

// BenchmarkChange is the time from a commit to the new set, by a watch of a session and over HTTP.
func BenchmarkChange(b *testing.B) {
	server := vaulttest.NewServer(b, map[string]string{"newsbot/prod/left": "0", "newsbot/prod/right": "0"})
	session := server.Vault.As(vaulttest.DefaultService)
	remote, err := client.New(client.Config{
		Address: server.URL, Service: vaulttest.DefaultService, Token: myvault.Text(vaulttest.Token(vaulttest.DefaultService)),
	})
	if err != nil {
		b.Fatal(err)
	}
	defer remote.Close()
	n := 0
	for name, source := range map[string]live.Source{"session": session, "client": remote} {
		b.Run(name, func(b *testing.B) {
			changed := make(chan struct{}, 1)
			l, err := live.BindConfig[pair](b.Context(), source, "newsbot", live.Config{OnChange: func() { changed <- struct{}{} }})
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			time.Sleep(50 * time.Millisecond) // until it watches
			for b.Loop() {
				n++
				if err := putPair(b.Context(), session, strconv.Itoa(n), strconv.Itoa(-n)); err != nil {
					b.Fatal(err)
				}
				for l.Load().Left != n {
					<-changed
				}
			}
		})
	}
}
