package hashivault_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
)

func loggingIn(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/login") }

// TestACallerWhoLeavesALogIn gets the context's error, and not that the token is refused; it says nothing of Vault.
func TestACallerWhoLeavesALogIn(t *testing.T) {
	is := is.New(t)
	fake := fakevault.New(t)
	s := opened(t, byRole(t, serverOf(fake), "1h", "2h"))
	do(t, s, put("newsbot/a", "1"))
	for _, call := range []func(context.Context) error{
		func(ctx context.Context) error { _, err := s.Get(ctx, at("newsbot/a"), 0); return err },
		func(ctx context.Context) error { _, err := apply(ctx, s, put("newsbot/a", "2")); return err },
	} {
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		fake.Revoke()
		fake.Break(func(r *http.Request) fakevault.Fault {
			if !loggingIn(r) {
				return fakevault.Fault{}
			}
			leave()
			<-r.Context().Done()
			return fakevault.Fault{Drop: true}
		})
		err := call(ctx)
		is.True(errors.Is(err, context.Canceled))
		is.True(!errors.Is(err, hashivault.ErrToken))
		is.Equal(s.Stats().Failures, uint64(0))
		is.True(!s.Stats().Failing)
		fake.Break(nil)
		is.Equal(len(states(t, s, "newsbot/a")), 1) // nothing was changed, and the next caller logs in
	}
}

// TestARenewalThatIsLate: its answer comes once the token was revoked and another one is there, which stays.
func TestARenewalThatIsLate(t *testing.T) {
	is := is.New(t)
	fake := fakevault.New(t)
	renewed, release := make(chan struct{}), make(chan struct{})
	var held atomic.Bool
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := httptest.NewRecorder()
		fake.ServeHTTP(answer, r)
		if strings.HasSuffix(r.URL.Path, "/renew-self") && answer.Code == http.StatusOK && !held.Swap(true) {
			close(renewed)
			<-release
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	defer slow.Close()
	config := byRole(t, serverOf(fake), "2s", "1h")
	config.Addresses = []string{slow.URL}
	s := opened(t, config)
	<-renewed
	serverOf(fake).Must(t, "POST", "auth/approle/role/app", `{"token_policies":"of-a-role","token_ttl":"1h","token_max_ttl":"2h"}`)
	fake.Revoke()
	do(t, s, put("newsbot/a", "1"))
	before := s.Stats()
	close(release)
	for s.Stats().Renewals == before.Renewals {
		time.Sleep(time.Millisecond)
	}
	do(t, s, put("newsbot/a", "2"))
	is.Equal(s.Stats().LogIns, before.LogIns)
}
