package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/transfer"
)

// another returns a handler of a vault over the provider, as another server of its store
// has one.
func another(t *testing.T, provider myvault.Provider) *fixture {
	t.Helper()
	policy, err := myvault.ParsePolicy(settings)
	if err != nil {
		t.Fatal(err)
	}
	config := myvault.Config{}
	if _, own := provider.(myvault.Trail); !own {
		config.Trail = myvault.NoTrail{}
	}
	vault, err := myvault.New(provider, policy, config)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := httpapi.New(vault, httpapi.Config{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return &fixture{t: t, vault: vault, handler: handler, url: server.URL, client: server.Client()}
}

// pagesOf are the listings that have cursors.
var pagesOf = []string{"/api/secrets?limit=1", "/api/secrets/newsbot?limit=1", "/api/usage?limit=1", "/api/audit?limit=1"}

// TestACursorIsOfTheStore goes on with a listing at another server of the store.
func TestACursorIsOfTheStore(t *testing.T) {
	s := newStore(t)
	f := serveOn(t, s, httpapi.Config{})
	f.fill(5)
	other := another(t, s.Provider)
	stranger := newFixture(t)
	stranger.fill(5)
	for _, target := range pagesOf {
		t.Run(target, func(t *testing.T) {
			is := is.New(t)
			next := nextTarget(t, f.as("admin", "GET", target, ""))
			is.True(next != "")
			if s.trail == nil || !strings.HasPrefix(target, "/api/audit") && !strings.HasPrefix(target, "/api/usage") {
				is.Equal(other.as("admin", "GET", next, "").status, 200)
			}
			is.Equal(f.as("admin", "GET", next, "").status, 200)
			is.Equal(stranger.as("admin", "GET", next, "").status, 400)
			is.Equal(f.as("reader", "GET", next, "").status, 400)
		})
	}
}

// TestNoCursorShowsAHiddenName: with pages of one and probes written beside it, a cursor that
// is on a hidden name would be found by bisection.
func TestNoCursorShowsAHiddenName(t *testing.T) {
	is := is.New(t)
	rules := maps.Clone(settings)
	rules["ALLOW_writer"], rules["DENY_writer"] = "newsbot/", "newsbot/prod/*-secret"
	policy, err := myvault.ParsePolicy(rules)
	is.NoErr(err)
	play := func(hidden ...string) (seen []string) {
		f := newFixture(t)
		values := map[string]string{"newsbot/prod/b": "v", "newsbot/prod/x": "v"}
		for _, name := range hidden {
			values[name] = "v"
		}
		f.put(values)
		f.vault.SetPolicy(policy)
		for c := 'a'; c <= 'z'; c++ {
			for _, target := range []string{"/api/secrets?limit=1", "/api/secrets/newsbot?limit=1"} {
				next := nextTarget(t, f.as("writer", "GET", target, ""))
				is.Equal(f.as("writer", "POST", "/api/secrets", fmt.Sprintf(`{"project":"newsbot","path":"prod/p%c","value":"v"}`, c)).status, 201)
				r := f.as("writer", "GET", next, "")
				seen = append(seen, fmt.Sprint(r.array(t)[0]["path"], r.header.Get("Link") != ""))
				is.Equal(f.as("writer", "DELETE", fmt.Sprintf("/api/secrets/newsbot/prod/p%c", c), "").status, 204)
			}
		}
		return seen
	}
	is.Equal(play("newsbot/prod/payroll-secret", "newsbot/prod/pz-secret"), play())
}

// TestACursorOutlivesTheServer opens the store anew, and a store whose record was carried
// to it.
func TestACursorOutlivesTheServer(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), sqlite.StaticKey(crypto.NewKey())
	open := func() (*fixture, *sqlite.Store) {
		store, err := sqlite.Open(t.Context(), dir, key, sqlite.Config{})
		is.NoErr(err)
		return another(t, store), store
	}
	f, _ := open()
	f.fill(5)
	var targets []string
	for _, target := range pagesOf {
		targets = append(targets, nextTarget(t, f.as("admin", "GET", target, "")))
	}
	is.NoErr(f.vault.Close())
	f, store := open()
	defer f.vault.Close()
	for _, target := range targets {
		is.Equal(f.as("admin", "GET", target, "").status, 200)
	}
	copied := memory.New(memory.Config{})
	_, err := transfer.Copy(t.Context(), copied, store, transfer.Options{By: "admin"})
	is.NoErr(err)
	for _, target := range targets {
		is.Equal(another(t, copied).as("admin", "GET", target, "").status, 400)
	}
}

// starting is a store of which several servers find at the same time that it has no key.
type starting struct {
	*memory.Provider
	left atomic.Int64 // how many have not asked yet
	all  chan struct{}
}

func (p *starting) Get(ctx context.Context, addr myvault.Address, version myvault.Version) (myvault.Secret, error) {
	if left := p.left.Add(-1); left >= 0 && addr.Project == ".cursors" {
		if left == 0 {
			close(p.all)
		}
		<-p.all
		return myvault.Secret{}, myvault.ErrNotFound
	}
	return p.Provider.Get(ctx, addr, version)
}

// TestServersThatBeginAtOnceShareTheKey of the first of them.
func TestServersThatBeginAtOnceShareTheKey(t *testing.T) {
	is := is.New(t)
	const servers = 8
	provider := &starting{Provider: memory.New(memory.Config{}), all: make(chan struct{})}
	var all []*fixture
	for range servers {
		all = append(all, another(t, provider))
	}
	all[0].fill(5)
	provider.left.Store(servers)
	targets := make([]string, servers)
	var running sync.WaitGroup
	for i, f := range all {
		running.Go(func() { targets[i] = nextTarget(t, f.as("admin", "GET", "/api/secrets?limit=1", "")) })
	}
	running.Wait()
	last := another(t, provider)
	for _, target := range targets {
		is.Equal(last.as("admin", "GET", target, "").status, 200)
	}
}

// refusing is a store that cannot be written, for a reason.
type refusing struct {
	*memory.Provider
	why     error
	applies int
}

func (p *refusing) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	if p.applies++; p.why != nil {
		return nil, p.why
	}
	return p.Provider.Apply(ctx, c)
}

// TestListingsGoOnInAStoreThatCannotBeWritten with a key of the handler's own, until it can be.
func TestListingsGoOnInAStoreThatCannotBeWritten(t *testing.T) {
	for _, why := range []error{myvault.ErrUnavailable, fmt.Errorf("read only: %w", errors.ErrUnsupported)} {
		t.Run(why.Error(), func(t *testing.T) {
			is := is.New(t)
			p := &refusing{Provider: memory.New(memory.Config{})}
			f := another(t, p)
			f.fill(5)
			p.why, p.applies = why, 0
			var early []string
			for range 3 {
				early = append(early, nextTarget(t, f.as("admin", "GET", "/api/secrets?limit=1", "")))
			}
			is.Equal(f.as("admin", "GET", early[0], "").status, 200)
			is.Equal(another(t, p).as("admin", "GET", early[0], "").status, 400)
			is.True(!errors.Is(why, errors.ErrUnsupported) || p.applies == 1) // it is asked once
			p.why = nil
			late := nextTarget(t, f.as("admin", "GET", "/api/secrets?limit=1", ""))
			is.Equal(f.as("admin", "GET", early[1], "").status, 200)
			is.Equal(f.as("admin", "GET", late, "").status, 200)
		})
	}
}

// TestACursorIsNotWrongBecauseTheStoreIsAway.
func TestACursorIsNotWrongBecauseTheStoreIsAway(t *testing.T) {
	is := is.New(t)
	s, faults := newFaulty(t)
	f := serveOn(t, s, httpapi.Config{})
	f.fill(5)
	target := nextTarget(t, f.as("admin", "GET", "/api/secrets?limit=1", ""))
	other := another(t, s.Provider)
	faults.get.Store(fails(myvault.ErrUnavailable))
	is.Equal(other.as("admin", "GET", target, "").status, 503)
	faults.get.Store(nil)
	is.Equal(other.as("admin", "GET", target, "").status, 200)
}

// FuzzCursor sends cursors of any bytes, and sealed ones that hold any bytes.
func FuzzCursor(f *testing.F) {
	for _, plain := range []string{"", "p\x00a", "p", "p\x00", "\x00", "changes\x001\x00access\x002", "changes\x00x", "changes", "\xff\x00\xff", strings.Repeat("a\x00", 300)} {
		f.Add(plain)
	}
	provider := memory.New(memory.Config{})
	policy, err := myvault.ParsePolicy(settings)
	if err != nil {
		f.Fatal(err)
	}
	vault, err := myvault.New(provider, policy, myvault.Config{Reads: myvault.ReadsOff})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = vault.Close() })
	if _, err := vault.As("admin").Put(f.Context(), myvault.Address{Project: "p", Path: "a"}, myvault.Text(canary)); err != nil {
		f.Fatal(err)
	}
	handler, err := httpapi.New(vault, httpapi.Config{})
	if err != nil {
		f.Fatal(err)
	}
	routes := []struct{ path, about string }{
		{"/api/secrets", "/api/secrets\x00admin\x00\x00"}, {"/api/secrets/p", "/api/secrets/{project}\x00admin\x00p\x00"},
		{"/api/audit", "/api/audit\x00admin\x00\x00"}, {"/api/usage", "/api/usage\x00admin\x00\x00"},
	}
	f.Fuzz(func(t *testing.T, plain string) {
		for _, route := range routes {
			for i, cursor := range []string{plain, httpapi.SealCursor(handler, plain, route.about)} {
				r := newRequest("GET", route.path)
				r.URL.RawQuery = url.Values{"cursor": {cursor}}.Encode()
				r.Host = "localhost"
				r.Header.Set("X-Service", "admin")
				r.Header.Set("X-Token", adminToken)
				w := record(handler, r)
				body, _ := io.ReadAll(w.Body)
				if w.Code != 200 && w.Code != 400 && (w.Code != 501 || route.path != "/api/usage") {
					t.Fatalf("%s with %q (%d) answered %d: %s", route.path, plain, i, w.Code, body)
				}
				if i == 1 && (plain == "" || plain == "p\x00") && strings.HasPrefix(route.path, "/api/secrets") && w.Code != 200 {
					t.Fatalf("%s did not take its own cursor", route.path)
				}
				if i == 0 && plain != "" && w.Code != 400 {
					t.Fatalf("%s took %q for a cursor", route.path, plain)
				}
			}
		}
	})
}
