package client_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/client"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/vaulttest"
)

// outage is a server with clients that have a cache.
type outage struct {
	*server
	file string
	uses []client.CacheUse
	errs []error
}

func newOutage(t *testing.T) *outage {
	t.Helper()
	o := &outage{server: serve(t, "memory"), file: filepath.Join(t.TempDir(), "cache")}
	if _, err := o.vault.As("admin").Put(t.Context(), db, myvault.Text("hunter2")); err != nil {
		t.Fatal(err)
	}
	return o
}

// config returns the config of a client that uses the file of o.
func (o *outage) config(service string) client.Config {
	return client.Config{
		Address: o.URL, Service: service, Token: myvault.Text(vaulttest.Token(service)), Attempts: 1,
		Cache: &client.Cache{
			File: o.file, OnUse: func(u client.CacheUse) { o.uses = append(o.uses, u) },
			OnError: func(err error) { o.errs = append(o.errs, err) },
		},
	}
}

// TestStartWhileTheServerIsDown: a new client has the value that an earlier one read.
func TestStartWhileTheServerIsDown(t *testing.T) {
	is := is.New(t)
	o := newOutage(t)
	want, err := newClient(t, o.config("admin")).Get(t.Context(), db)
	is.NoErr(err)
	is.Equal(len(o.uses), 0)
	o.Close()

	c := newClient(t, o.config("admin"))
	is.True(c.OfflineSince().IsZero())
	got, err := c.Get(t.Context(), db)
	is.NoErr(err)
	is.Equal(got.Info, want.Info)
	is.Equal(got.Value.Reveal(), "hunter2")
	is.True(!c.OfflineSince().IsZero())
	is.Equal(len(o.uses), 1) // announced
	is.Equal(o.uses[0].Secret, want.Info)
	isErr(is, o.uses[0].Cause, myvault.ErrUnavailable)
	is.True(time.Since(o.uses[0].Fetched) >= 0)

	_, err = c.Get(t.Context(), other) // not in the cache
	isErr(is, err, myvault.ErrUnavailable)
	_, err = c.GetVersion(t.Context(), db, 1)
	isErr(is, err, myvault.ErrUnavailable)
	is.Equal(len(o.uses), 1)
	is.Equal(len(o.errs), 0)
}

// TestServerBeforeCache: a server that answers is believed, and a value that it refuses is dropped.
func TestServerBeforeCache(t *testing.T) {
	is := is.New(t)
	o := newOutage(t)
	c := newClient(t, o.config("admin"))
	_, err := c.Get(t.Context(), db)
	is.NoErr(err)
	_, err = o.vault.As("admin").Put(t.Context(), db, myvault.Text("changed"))
	is.NoErr(err)
	secret, err := c.Get(t.Context(), db)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "changed")
	is.NoErr(o.vault.As("admin").Delete(t.Context(), db))
	_, err = c.Get(t.Context(), db)
	isErr(is, err, myvault.ErrNotFound)
	is.Equal(len(o.uses), 0)
	o.Close()
	_, err = newClient(t, o.config("admin")).Get(t.Context(), db)
	isErr(is, err, myvault.ErrNotFound) // the last answer of the server
	is.Equal(o.uses[0].Secret, myvault.Info{Address: db})
}

// TestLostRight: a value that the caller may no longer read is dropped.
func TestLostRight(t *testing.T) {
	is := is.New(t)
	o := newOutage(t)
	c := newClient(t, o.config("reader"))
	_, err := c.Get(t.Context(), db)
	is.NoErr(err)
	policy, err := myvault.NewPolicy(vaulttest.Service(t, "reader", "newsbot/@list"))
	is.NoErr(err)
	o.vault.SetPolicy(policy)
	_, err = c.Get(t.Context(), db)
	isErr(is, err, myvault.ErrDenied)
	o.Close()
	_, err = c.Get(t.Context(), db)
	isErr(is, err, myvault.ErrUnavailable)
	_, err = newClient(t, o.config("reader")).Get(t.Context(), db)
	isErr(is, err, myvault.ErrUnavailable)
}

// TestRefusedCaller: a caller that the server refuses loses all of its cache.
func TestRefusedCaller(t *testing.T) {
	is := is.New(t)
	o := newOutage(t)
	_, err := newClient(t, o.config("admin")).Get(t.Context(), db)
	is.NoErr(err)
	policy, err := myvault.NewPolicy(vaulttest.Service(t, "reader"))
	is.NoErr(err)
	o.vault.SetPolicy(policy)
	c := newClient(t, o.config("admin"))
	_, err = c.Get(t.Context(), other)
	isErr(is, err, myvault.ErrUnauthenticated)
	o.Close()
	_, err = c.Get(t.Context(), db)
	isErr(is, err, myvault.ErrUnavailable)
	_, err = newClient(t, o.config("admin")).Get(t.Context(), db)
	isErr(is, err, myvault.ErrUnavailable)
	is.Equal(len(o.uses), 0)
}

// TestEveryFlippedBit: a file in which any bit is flipped, or that is cut, is not used.
func TestEveryFlippedBit(t *testing.T) {
	is := is.New(t)
	o := newOutage(t)
	_, err := newClient(t, o.config("admin")).Get(t.Context(), db)
	is.NoErr(err)
	o.Close()
	file, err := os.ReadFile(o.file)
	is.NoErr(err)
	is.True(!bytes.Contains(file, []byte("hunter2")))
	is.True(!bytes.Contains(file, []byte("newsbot")))
	refused := func(changed []byte) bool {
		o.errs = nil
		is.NoErr(os.WriteFile(o.file, changed, 0o600))
		_, err := newClient(t, o.config("admin")).Get(t.Context(), db)
		return errors.Is(err, myvault.ErrUnavailable) && len(o.errs) == 1 && errors.Is(o.errs[0], myvault.ErrTampered)
	}
	is.True(!refused(file)) // the test detects a file that is used
	uses := len(o.uses)
	is.Equal(uses, 1)
	for bit := range len(file) * 8 {
		changed := bytes.Clone(file)
		changed[bit/8] ^= 1 << (bit % 8)
		if !refused(changed) {
			t.Fatalf("the flip of bit %d of %d is not found", bit, len(file)*8)
		}
	}
	for size := range len(file) {
		if !refused(file[:size]) {
			t.Fatalf("a file cut to %d of %d bytes is used", size, len(file))
		}
	}
	is.True(refused(append(file, 0)))
	is.Equal(len(o.uses), uses)
}

// TestCacheOfAnother: the file is bound to the server, the service and the key.
func TestCacheOfAnother(t *testing.T) {
	is := is.New(t)
	o := newOutage(t)
	_, err := newClient(t, o.config("admin")).Get(t.Context(), db)
	is.NoErr(err)
	file, err := os.ReadFile(o.file)
	is.NoErr(err)
	o.Close()
	for name, change := range map[string]func(*client.Config){
		"server":  func(c *client.Config) { c.Address = "http://127.0.0.1:1" },
		"path":    func(c *client.Config) { c.Address += "/vault" },
		"service": func(c *client.Config) { c.Service = "reader" },
		"token":   func(c *client.Config) { c.Token = myvault.Text("another-token-0123456") },
		"key":     func(c *client.Config) { c.Cache.KeyFile = keyFile(t) },
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			o.errs = nil
			is.NoErr(os.WriteFile(o.file, file, 0o600))
			config := o.config("admin")
			change(&config)
			_, err := newClient(t, config).Get(t.Context(), db)
			isErr(is, err, myvault.ErrUnavailable)
			is.Equal(len(o.errs), 1)
			isErr(is, o.errs[0], myvault.ErrTampered)
		})
	}
	is.Equal(len(o.uses), 0)
	is.NoErr(os.WriteFile(o.file, file, 0o600))
	_, err = newClient(t, o.config("admin")).Get(t.Context(), db)
	is.NoErr(err) // with nothing changed it is used
}

func keyFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(crypto.NewKey().Text()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestKeyFile: with a key file the cache outlives a change of the token.
func TestKeyFile(t *testing.T) {
	is := is.New(t)
	o := newOutage(t)
	key := keyFile(t)
	config := o.config("admin")
	config.Cache.KeyFile = key
	_, err := newClient(t, config).Get(t.Context(), db)
	is.NoErr(err)
	o.Close()
	config = o.config("admin")
	config.Cache.KeyFile, config.Token = key, myvault.Text("another-token-0123456")
	_, err = newClient(t, config).Get(t.Context(), db)
	is.NoErr(err)
	config.Cache.KeyFile = filepath.Join(t.TempDir(), "missing")
	_, err = client.New(config)
	isErr(is, err, os.ErrNotExist)
}

// TestGreatestAge: a value is refused once it is too old, in memory and from the file, and if its
// time is in the future.
func TestGreatestAge(t *testing.T) {
	is := is.New(t)
	o := newOutage(t)
	config := func() client.Config {
		config := o.config("admin")
		config.Cache.MaxAge = time.Hour
		return config
	}
	c := newClient(t, config())
	start := time.Now().Truncate(time.Microsecond)
	var shift atomic.Int64
	c.Clock(func() time.Time { return start.Add(time.Duration(shift.Load())) })
	_, err := c.Get(t.Context(), db)
	is.NoErr(err)
	o.Close()
	for _, test := range []struct {
		age  time.Duration
		used bool
	}{{time.Hour, true}, {time.Hour + time.Second, false}, {-time.Minute, true}, {-2 * time.Minute, false}} {
		shift.Store(int64(test.age))
		_, err := c.Get(t.Context(), db)
		is.Equal(err == nil, test.used)
		is.True(err == nil || errors.Is(err, myvault.ErrUnavailable))
	}
	short := config()
	short.Cache.MaxAge = time.Nanosecond
	_, err = newClient(t, short).Get(t.Context(), db)
	isErr(is, err, myvault.ErrUnavailable) // the file is too old for this client
	_, err = newClient(t, config()).Get(t.Context(), db)
	is.NoErr(err)
}

// TestSilentServer: a server that does not answer is not asked again at once, and is used again
// when it answers.
func TestSilentServer(t *testing.T) {
	is := is.New(t)
	o := newOutage(t)
	p := newFaultyProxy(t, o.server, pass, busy, busy, pass)
	config := o.config("admin")
	config.Address = p.URL
	c := newClient(t, config)
	start := time.Now().Truncate(time.Microsecond)
	var shift atomic.Int64
	c.Clock(func() time.Time { return start.Add(time.Duration(shift.Load())) })
	for n, test := range []struct {
		after    time.Duration
		requests int64
		uses     int
	}{{0, 1, 0}, {0, 2, 1}, {time.Second, 2, 2}, {6 * time.Second, 3, 3}, {7 * time.Second, 3, 4}, {12 * time.Second, 4, 4}, {12 * time.Second, 5, 4}} {
		shift.Store(int64(test.after))
		_, err := c.Get(t.Context(), db)
		is.NoErr(err)
		if p.requests.Load() != test.requests || len(o.uses) != test.uses {
			t.Fatalf("call %d: %d requests and %d uses, want %d and %d", n, p.requests.Load(), len(o.uses), test.requests, test.uses)
		}
	}
	is.True(c.OfflineSince().IsZero())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Get(ctx, db)
	isErr(is, err, context.Canceled)
}

// TestUnwritableCache: the client works without its file, and reports it.
func TestUnwritableCache(t *testing.T) {
	is := is.New(t)
	o := newOutage(t)
	o.file = filepath.Join(t.TempDir(), "missing", "cache")
	_, err := newClient(t, o.config("admin")).Get(t.Context(), db)
	is.NoErr(err)
	is.Equal(len(o.errs), 1)
	isErr(is, o.errs[0], os.ErrNotExist)
}
