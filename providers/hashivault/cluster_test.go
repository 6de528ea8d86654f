package hashivault_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/vaultserver"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
)

// eavesdropper is a server that must not get requests. It records them.
type eavesdropper struct {
	*httptest.Server
	mu    sync.Mutex
	heard []string
}

func eavesdrop(t *testing.T) *eavesdropper {
	e := &eavesdropper{}
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	return e
}

func (e *eavesdropper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, r.Method+" "+r.URL.Path+" "+r.Header.Get("X-Vault-Token"))
	w.WriteHeader(http.StatusOK)
}

func (e *eavesdropper) said() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.heard
}

// TestTheTokenStaysInTheCluster: redirects to a host that is not configured are refused, when
// the store is opened and later. That host gets no request.
func TestTheTokenStaysInTheCluster(t *testing.T) {
	is := is.New(t)
	stranger := eavesdrop(t)
	_, err := hashivault.Open(t.Context(), fresh(fakevault.Redirect(t, stranger.URL), "a-token"))
	is.True(errors.Is(err, hashivault.ErrRedirect))
	is.True(errors.Is(err, myvault.ErrUnavailable))
	is.True(strings.Contains(err.Error(), strings.TrimPrefix(stranger.URL, "http://"))) // names the host to add
	is.True(!strings.Contains(err.Error(), "a-token"))

	fake := fakevault.New(t)
	var lured, changed atomic.Bool
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !lured.Load() {
			fake.ServeHTTP(w, r)
			return
		}
		if r.Method != http.MethodGet {
			changed.Store(true)
		} else if changed.Load() {
			leave() // the caller no longer waits for the outcome of the change
		}
		fakevault.Redirecting(stranger.URL)(w, r)
	}))
	defer front.Close()
	s := opened(t, fresh(front.URL, fake.Token))
	do(t, s, put("newsbot/a", "1"))
	lured.Store(true)
	_, err = s.Get(t.Context(), at("newsbot/a"), 0)
	is.True(errors.Is(err, hashivault.ErrRedirect) && errors.Is(err, myvault.ErrUnavailable))
	_, err = apply(ctx, s, put("newsbot/a", "2"))
	is.True(errors.Is(err, hashivault.ErrRedirect) && errors.Is(err, myvault.ErrUnknownOutcome)) // a standby may have forwarded it
	lured.Store(false)
	is.Equal(len(states(t, s, "newsbot/a")), 1)
	is.Equal(stranger.said(), nil)
}

// TestStandbysRedirectToTheLeader: a redirect to a configured node is followed with the same
// body.
func TestStandbysRedirectToTheLeader(t *testing.T) {
	inBubble(t, func(t *testing.T, fake *fakevault.Vault, config hashivault.Config) {
		is := is.New(t)
		const standby, another = "http://standby.internal:8200", "http://another.internal:8200"
		through := routes{"vault.internal:8200": fake.Dial, "standby.internal:8200": fakevault.Serve(t, fakevault.Redirecting(fake.Address)),
			"another.internal:8200": fakevault.Serve(t, fakevault.Redirecting(standby)), "loop.internal:8200": fakevault.Serve(t, fakevault.Redirecting("http://loop.internal:8200"))}
		config = hashivault.Over(config, through.dial)
		config.Addresses = []string{standby, fake.Address}
		s := opened(t, config)
		do(t, s, put("newsbot/a", "1"), put("newsbot/a", "2", myvault.IfVersion(1)))
		secret, err := s.Get(t.Context(), at("newsbot/a"), 0)
		is.NoErr(err)
		is.Equal(secret.Value.Reveal(), "2")
		fake.Requests()
		do(t, s, put("newsbot/a", "3"))
		is.Equal(fake.Requests(), []string{"POST data"})

		config.Addresses = []string{another}
		_, err = hashivault.Open(t.Context(), config)
		is.True(errors.Is(err, hashivault.ErrRedirect))
		config.Addresses = []string{"http://loop.internal:8200"}
		_, err = hashivault.Open(t.Context(), config)
		is.True(errors.Is(err, myvault.ErrUnavailable))
	})
}

// TestAStandbyThatPassesOn: a standby that fails to forward a request redirects to the leader,
// even if the leader made the change. No change is made twice, or made and reported as not
// made.
func TestAStandbyThatPassesOn(t *testing.T) {
	for _, alone := range []bool{false, true} { // with the leader among the addresses, and behind a load balancer
		for _, reaches := range []bool{false, true} {
			t.Run(fmt.Sprintf("alone %v, reaches the leader %v", alone, reaches), func(t *testing.T) {
				is := is.New(t)
				fake := fakevault.New(t)
				var fails atomic.Bool
				standby := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					direct, failing := r.Header.Get("X-Vault-No-Request-Forwarding") != "", r.Method != http.MethodGet && fails.Load()
					switch {
					case !direct && !failing:
						fake.ServeHTTP(w, r)
						return
					case !direct && reaches:
						fake.ServeHTTP(httptest.NewRecorder(), r)
					}
					fakevault.Redirecting(fake.Address)(w, r)
				}))
				defer standby.Close()
				config := fresh(standby.URL, fake.Token)
				if !alone {
					config.Addresses = append(config.Addresses, fake.Address)
				}
				s := opened(t, config)
				do(t, s, put("newsbot/a", "1"))
				if !alone {
					s = opened(t, config) // which does not know the leader yet
				}
				fails.Store(true)
				_, err := apply(t.Context(), s, put("newsbot/a", "2"))
				if alone && !reaches {
					is.True(errors.Is(err, myvault.ErrUnknownOutcome))
					is.Equal(len(states(t, s, "newsbot/a")), 1)
					return
				}
				is.NoErr(err)
				is.Equal(len(states(t, s, "newsbot/a")), 2)
			})
		}
	}
}

// TestANodeThatIsDown: the other nodes are asked, for changes too, because nothing reached it.
func TestANodeThatIsDown(t *testing.T) {
	is := is.New(t)
	fake := fakevault.New(t)
	config := fresh("http://"+vaultserver.FreeAddress(t), fake.Token)
	config.Addresses = append(config.Addresses, fake.Address)
	s := opened(t, config)
	do(t, s, put("newsbot/a", "1"), put("newsbot/a", "2"))
	is.Equal(len(states(t, s, "newsbot/a")), 2)
}

// TestASealedNode: the next node is asked.
func TestASealedNode(t *testing.T) {
	is := is.New(t)
	fake, sealed := fakevault.New(t), fakevault.New(t)
	sealed.Seal(true)
	config := fresh(sealed.Address, fake.Token)
	config.Addresses = append(config.Addresses, fake.Address)
	s := opened(t, config)
	do(t, s, put("newsbot/a", "1"))
	is.Equal(len(states(t, s, "newsbot/a")), 1)
}

// TestGoingDownLater: Ping and all calls report a Vault that is down. It is used again once it
// is up.
func TestGoingDownLater(t *testing.T) {
	is := is.New(t)
	fake := fakevault.New(t)
	s := opened(t, fresh(fake.Address, fake.Token))
	do(t, s, put("newsbot/a", "1"))
	fake.Stop()
	is.True(errors.Is(s.Ping(t.Context()), myvault.ErrUnavailable))
	_, err := s.Get(t.Context(), at("newsbot/a"), 0)
	is.True(errors.Is(err, myvault.ErrUnavailable))
	is.True(!strings.Contains(err.Error(), "newsbot")) // such errors reach logs
	_, err = apply(t.Context(), s, put("newsbot/a", "2"))
	is.True(errors.Is(err, myvault.ErrUnavailable)) // nothing reached it, so the outcome is known
	for _, err := range s.List(t.Context(), myvault.ListOptions{}) {
		is.True(errors.Is(err, myvault.ErrUnavailable))
	}
	fake.Restart(t)
	is.NoErr(s.Ping(t.Context()))
	do(t, s, put("newsbot/a", "2"))
}

// TestASilentNode: a node that accepts requests and never answers is given up after the
// timeout.
func TestASilentNode(t *testing.T) {
	inBubble(t, func(t *testing.T, fake *fakevault.Vault, config hashivault.Config) {
		is := is.New(t)
		config.Timeout = 200 * time.Millisecond
		s := opened(t, config)
		do(t, s, put("newsbot/a", "1"))
		fake.Break(func(*http.Request) fakevault.Fault { return fakevault.Fault{Before: time.Second} })
		_, err := s.Get(t.Context(), at("newsbot/a"), 0)
		is.True(errors.Is(err, myvault.ErrUnavailable))
		is.Equal(err.Error(), "store unavailable: no answer within 200ms")
	})
}

// TestAHangingNode: if a change got no answer, its outcome and all later requests are asked of
// another node. Only one timeout is lost.
func TestAHangingNode(t *testing.T) {
	inBubble(t, func(t *testing.T, fake *fakevault.Vault, config hashivault.Config) {
		is := is.New(t)
		var hangs atomic.Bool
		var waited atomic.Int64
		front := fakevault.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && fakevault.Kind(r) == "data" && r.ContentLength > 0 && strings.Contains(r.URL.Path, "/secrets/") {
				hangs.Store(true)
			}
			if hangs.Load() {
				waited.Add(1)
				time.Sleep(time.Minute) // longer than the timeout
				return
			}
			fake.ServeHTTP(w, r)
		}))
		config.Addresses, config.Timeout = []string{"http://front.internal:8200", fake.Address}, 300*time.Millisecond
		s := opened(t, hashivault.Over(config, routes{"front.internal:8200": front, "vault.internal:8200": fake.Dial}.dial))
		before := time.Now()
		info := do(t, s, put("newsbot/a", "1", myvault.IfAbsent()))
		is.Equal(info.Version, myvault.Version(1))
		do(t, s, put("newsbot/a", "2"))
		is.Equal(len(states(t, s, "newsbot/a")), 2)
		is.Equal(waited.Load(), int64(1))
		is.Equal(time.Since(before), config.Timeout) // by the clock of the bubble
	})
}

// TestACallerWhoLeaves: a canceled call does not count against the node.
func TestACallerWhoLeaves(t *testing.T) {
	inBubble(t, func(t *testing.T, fake *fakevault.Vault, config hashivault.Config) {
		is := is.New(t)
		other := new(eavesdropper)
		config.Addresses = append(config.Addresses, "http://other.internal:8200")
		s := opened(t, hashivault.Over(config, routes{"vault.internal:8200": fake.Dial, "other.internal:8200": fakevault.Serve(t, other)}.dial))
		do(t, s, put("newsbot/a", "1"))
		fake.Break(once("POST data", fakevault.Fault{Delay: 200 * time.Millisecond}))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := apply(ctx, s, put("newsbot/a", "2"))
		is.NoErr(err) // it was made, and its outcome was looked up
		do(t, s, put("newsbot/a", "3"))
		is.Equal(len(states(t, s, "newsbot/a")), 3)
		is.Equal(other.said(), nil)
	})
}

// TestAStandbyOfADeadLeader: after a redirect to a node that is down, the next call starts with
// another node.
func TestAStandbyOfADeadLeader(t *testing.T) {
	is := is.New(t)
	fake := fakevault.New(t)
	dead := "http://" + vaultserver.FreeAddress(t)
	var asked atomic.Int64
	standby := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		fakevault.Redirecting(dead)(w, r)
	}))
	defer standby.Close()
	config := fresh(standby.URL, fake.Token)
	config.Addresses = append(config.Addresses, fake.Address, dead)
	s := opened(t, config)
	do(t, s, put("newsbot/a", "1"), put("newsbot/a", "2"))
	is.Equal(asked.Load(), int64(1))
}
