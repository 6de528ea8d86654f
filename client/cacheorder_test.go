package client_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/client"
)

// TestOnErrorMayUseTheClient: the callback runs without a lock.
func TestOnErrorMayUseTheClient(t *testing.T) {
	is := is.New(t)
	o := newOutage(t)
	o.file = filepath.Join(t.TempDir(), "dir", "cache")
	is.NoErr(os.Mkdir(filepath.Dir(o.file), 0o700))
	config := o.config("admin")
	var c *client.Client
	calls := 0
	config.Cache.OnError = func(error) {
		if calls++; calls == 1 {
			_, err := c.Get(t.Context(), other)
			isErr(is, err, myvault.ErrNotFound)
		}
	}
	c = newClient(t, config)
	is.NoErr(os.Remove(filepath.Dir(o.file)))
	_, err := c.Get(t.Context(), db)
	is.NoErr(err)
	is.Equal(calls, 2)
}

// TestOwnChangesAreNotHidden: after a change by this client, the value from before does not come
// from the cache.
func TestOwnChangesAreNotHidden(t *testing.T) {
	for name, change := range map[string]func(*client.Client) error{
		"put": func(c *client.Client) error {
			_, err := c.Put(t.Context(), db, myvault.Text("new"))
			return err
		},
		"delete": func(c *client.Client) error { return c.Delete(t.Context(), db) },
		"apply": func(c *client.Client) error {
			_, err := c.Apply(t.Context(), myvault.Change{Op: myvault.OpDelete, Address: db},
				myvault.Change{Op: myvault.OpPut, Address: other, Value: myvault.Text("new")})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			o := newOutage(t)
			c := newClient(t, o.config("admin"))
			_, err := c.Get(t.Context(), db)
			is.NoErr(err)
			is.NoErr(change(c))
			o.Close()
			for _, c := range []*client.Client{c, newClient(t, o.config("admin"))} {
				_, err = c.Get(t.Context(), db)
				isErr(is, err, myvault.ErrUnavailable)
			}
			is.Equal(len(o.uses), 0)
		})
	}
}

// TestLateAnswersAreNotKept: an answer that was on its way while the value was changed, or while a
// later question was answered, does not replace what is known.
func TestLateAnswersAreNotKept(t *testing.T) {
	is := is.New(t)
	o := newOutage(t)
	c, release := slowGets(t, o)
	late := make(chan error, 1)
	go func() {
		_, err := c.Get(t.Context(), db)
		late <- err
	}()
	first := <-release
	_, err := c.Put(t.Context(), db, myvault.Text("new"))
	is.NoErr(err)
	close(first)
	is.NoErr(<-late)
	o.Close()
	_, err = newClient(t, o.config("admin")).Get(t.Context(), db)
	isErr(is, err, myvault.ErrUnavailable) // not the value from before the Put
}

// slowGets returns a client of o whose first Get waits, with its answer, until the channel that it
// sends is closed.
func slowGets(t *testing.T, o *outage) (*client.Client, <-chan chan struct{}) {
	t.Helper()
	to, err := url.Parse(o.URL)
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan chan struct{})
	proxy := httputil.NewSingleHostReverseProxy(to)
	first := true
	proxy.ModifyResponse = func(r *http.Response) error {
		if first && r.Request.Method == http.MethodGet {
			first = false
			release := make(chan struct{})
			waiting <- release
			<-release
		}
		return nil
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	o.URL = server.URL
	return newClient(t, o.config("admin")), waiting
}

// TestAnyAnswerEndsAnOutage, also a refusal.
func TestAnyAnswerEndsAnOutage(t *testing.T) {
	is := is.New(t)
	o := newOutage(t)
	answers := false
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !answers {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		to, _ := url.Parse(o.URL)
		httputil.NewSingleHostReverseProxy(to).ServeHTTP(w, r)
	}))
	defer proxy.Close()
	config := o.config("reader")
	config.Address = proxy.URL
	c := newClient(t, config)
	_, err := c.Get(t.Context(), db)
	isErr(is, err, myvault.ErrUnavailable)
	is.True(!c.OfflineSince().IsZero())
	answers = true
	_, err = c.Put(t.Context(), db, myvault.Text("x"))
	isErr(is, err, myvault.ErrDenied)
	is.True(c.OfflineSince().IsZero())
}

// TestEventsAreBounded: a server cannot make the client collect data without an end.
func TestEventsAreBounded(t *testing.T) {
	is := is.New(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		line := []byte("data: " + strings.Repeat("x", 1<<20) + "\n")
		for {
			if _, err := w.Write(line); err != nil {
				return
			}
		}
	}))
	defer server.Close()
	c := newClient(t, client.Config{Address: server.URL, Service: "admin", Token: myvault.Text("token"), Attempts: 1})
	for _, err := range c.Watch(t.Context(), myvault.WatchOptions{}) {
		is.True(err != nil)
	}
}
