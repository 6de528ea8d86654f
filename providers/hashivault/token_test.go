package hashivault_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
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

// byRole returns a Config that logs in with a role.
func byRole(t *testing.T, server *vaultserver.Server, ttl, most string) hashivault.Config {
	t.Helper()
	config := fresh(server.Address, server.Token)
	config.Token, config.AppRole = myvault.Value{}, role(t, server, ttl, most, allRights("secret", config.Base))
	return config
}

// TestRenewal: a role's token is renewed, and replaced at its maximum. Calls succeed for
// several times the life of any one token.
func TestRenewal(t *testing.T) {
	onBoth(t, func(t *testing.T, server *vaultserver.Server) {
		s := opened(t, byRole(t, server, "2s", "3s"))
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			do(t, s, put("newsbot/a", "1"))
		}
	})
}

// TestRenewalOfAToken: a configured token is renewed as long as Vault allows. Its end is
// reported.
func TestRenewalOfAToken(t *testing.T) {
	onBoth(t, func(t *testing.T, server *vaultserver.Server) {
		is := is.New(t)
		config := fresh(server.Address, server.Token)
		outlived := errors.New("no token yet")
		for life := 2; outlived != nil && life < 120; life *= 2 { // on a busy machine it may expire before it is renewed
			config.Token = myvault.Text(token(t, server, fmt.Sprint(life, "s"), allRights("secret", config.Base)))
			outlived = outlives(t, config)
		}
		is.NoErr(outlived)
		err := errors.New("no token yet")
		for life := 1; !errors.Is(err, hashivault.ErrToken) && life < 120; life *= 2 { // the same, before it is used
			text := server.Must(t, "POST", "auth/token/create", fmt.Sprintf(`{"policies":["of-a-token"],"ttl":"%[1]ds","explicit_max_ttl":"%[1]ds"}`, life))
			config.Token = myvault.Text(member(t, text, "auth", "client_token"))
			err = ends(t, config)
		}
		is.True(errors.Is(err, hashivault.ErrToken) && errors.Is(err, myvault.ErrUnavailable))
	})
}

// outlives uses a token until it was renewed twice, which is beyond its life. It returns the
// first error.
func outlives(t *testing.T, config hashivault.Config) error {
	t.Helper()
	s, err := hashivault.Open(t.Context(), config)
	if err != nil {
		return err
	}
	defer s.Close()
	for s.Stats().Renewals < 2 && err == nil {
		time.Sleep(50 * time.Millisecond)
		err = s.Ping(t.Context())
	}
	return errors.Join(err, s.Ping(t.Context()))
}

// ends uses a token, at least once, until it is refused. It returns that error, or nil if the
// token was not used before.
func ends(t *testing.T, config hashivault.Config) (refused error) {
	t.Helper()
	s, err := hashivault.Open(t.Context(), config)
	if err != nil {
		return nil
	}
	defer s.Close()
	for refused == nil {
		time.Sleep(50 * time.Millisecond)
		refused = s.Ping(t.Context())
	}
	return refused
}

// TestRevokedTokens: callers whose token was revoked share one new log-in, and none fails.
func TestRevokedTokens(t *testing.T) {
	is := is.New(t)
	fake := fakevault.New(t)
	s := opened(t, byRole(t, serverOf(fake), "1h", "2h"))
	do(t, s, put("newsbot/a", "1"))
	fake.Revoke()
	fake.Requests()
	fake.Break(func(r *http.Request) fakevault.Fault {
		return fakevault.Fault{Delay: 20 * time.Millisecond} // so that all of them are refused
	})
	var all sync.WaitGroup
	errs := make([]error, 20)
	for i := range errs {
		all.Go(func() { _, errs[i] = s.Get(t.Context(), at("newsbot/a"), 0) })
	}
	all.Wait()
	is.NoErr(errors.Join(errs...))
	logins := 0
	for _, r := range fake.Requests() {
		if r == "POST auth" {
			logins++
		}
	}
	is.Equal(logins, 1)
	fake.Break(nil)
	fake.Revoke()
	do(t, s, put("newsbot/a", "2", myvault.IfVersion(1))) // changes too: a refused one was not made
	is.Equal(len(states(t, s, "newsbot/a")), 2)
}

// TestNoLoginAnyMore: the role and the token were removed.
func TestNoLoginAnyMore(t *testing.T) {
	is := is.New(t)
	fake := fakevault.New(t)
	s := opened(t, byRole(t, serverOf(fake), "1h", "2h"))
	server := serverOf(fake)
	server.Must(t, "POST", "sys/auth/approle", `{"type":"approle"}`) // an empty one
	fake.Revoke()
	_, err := s.Get(t.Context(), at("newsbot/a"), 0)
	is.True(errors.Is(err, hashivault.ErrToken) && errors.Is(err, myvault.ErrUnavailable))
}

// TestClose: no goroutine is left, the token of a log-in is revoked, and a configured token is
// not.
func TestClose(t *testing.T) {
	is := is.New(t)
	fake := fakevault.New(t)
	given, err := hashivault.Open(t.Context(), fresh(fake.Address, fake.Token))
	is.NoErr(err)
	is.NoErr(given.Close())
	for range 5 {
		s, err := hashivault.Open(t.Context(), byRole(t, serverOf(fake), "1h", "2h"))
		is.NoErr(err)
		do(t, s, put("newsbot/a", "1"))
		fake.Requests()
		is.NoErr(s.Close())
		is.Equal(fake.Requests(), []string{"POST auth"})
	}
	var stacks string
	for range 100 { // connections take a moment to close
		buffer := make([]byte, 1<<20)
		stacks = string(buffer[:runtime.Stack(buffer, true)])
		if !slices.ContainsFunc(strings.Split(stacks, "\n\n"), running) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("still running:\n%s", stacks)
}

// running reports whether a goroutine of the provider is in the stack.
func running(stack string) bool {
	return strings.Contains(stack, "hashivault.(*") && !strings.Contains(stack, "hashivault_test.")
}

// TestSecretsAreNotShown: neither a Config nor an error shows a token.
func TestSecretsAreNotShown(t *testing.T) {
	is := is.New(t)
	config := hashivault.Config{Token: myvault.Text("hvs.shown"), AppRole: &hashivault.AppRole{SecretID: myvault.Text("hvs.shown")}}
	_, err := hashivault.Open(t.Context(), config)
	is.True(err != nil)
	for _, text := range []string{err.Error(), sprint(config), sprint(*config.AppRole)} {
		is.True(!strings.Contains(text, "hvs.shown"))
	}
}

func loggingIn(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/login") }

// TestACallerWhoLeavesALogIn: it gets the context's error, not that the token is refused. It
// does not count as a failure of Vault.
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

// TestARenewalThatIsLate: its answer arrives after the token was revoked and replaced. The new
// token stays.
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
