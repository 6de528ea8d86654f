package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/client"
	"github.com/myswiftagent/myvault/vaulttest"
)

// fault is what a proxy does with a request.
type fault int

const (
	pass       fault = iota
	dropBefore       // closes the connection, without asking the server
	dropAfter        // asks the server, and closes the connection in place of an answer
	busy             // answers 503 as the API does if nothing was changed
	limited          // answers 429 as a proxy does
	tooLong          // answers 503 and asks for a wait of a minute
	gateway          // answers 502 as a proxy does, after it asked the server
	missing          // answers 404 as a proxy does
)

// faultyProxy passes requests to a server, with a fault for each of the first ones.
type faultyProxy struct {
	*httptest.Server
	requests atomic.Int64
}

func newFaultyProxy(t *testing.T, to *server, faults ...fault) *faultyProxy {
	t.Helper()
	target, err := url.Parse(to.URL)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	p := &faultyProxy{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(p.requests.Add(1)) - 1
		f := pass
		if n < len(faults) {
			f = faults[n]
		}
		p.answer(f, forward, w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (*faultyProxy) answer(f fault, forward http.Handler, w http.ResponseWriter, r *http.Request) {
	problem := func(status int, body string) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
	switch f {
	case dropAfter, gateway:
		forward.ServeHTTP(httptest.NewRecorder(), r)
		if f == gateway {
			http.Error(w, "bad gateway", http.StatusBadGateway)
			return
		}
		panic(http.ErrAbortHandler)
	case dropBefore:
		panic(http.ErrAbortHandler)
	case busy:
		w.Header().Set("Retry-After", "0")
		problem(503, `{"status":503,"code":"store_unavailable","detail":"the store is unavailable"}`)
	case limited:
		http.Error(w, "slow down", http.StatusTooManyRequests)
	case tooLong:
		w.Header().Set("Retry-After", "60")
		problem(503, `{"status":503,"code":"busy","detail":"busy"}`)
	case missing:
		http.NotFound(w, r)
	default:
		forward.ServeHTTP(w, r)
	}
}

// TestRetries checks how often a request is sent for each fault, and that no change is made twice.
func TestRetries(t *testing.T) {
	get := func(ctx context.Context, c *client.Client) error { _, err := c.Get(ctx, db); return err }
	put := func(conditions ...myvault.Condition) func(context.Context, *client.Client) error {
		return func(ctx context.Context, c *client.Client) error {
			_, err := c.Put(ctx, db, myvault.Text("new"), conditions...)
			return err
		}
	}
	remove := func(ctx context.Context, c *client.Client) error { return c.Delete(ctx, db) }
	for _, test := range []struct {
		name     string
		faults   []fault
		call     func(context.Context, *client.Client) error
		err      error // nil: none
		requests int64
		versions myvault.Version // of db afterwards
	}{
		{"a read is repeated", []fault{dropBefore, busy, limited}, get, nil, 4, 1},
		{"a read is repeated four times at most", []fault{busy, busy, busy, busy, busy}, get, myvault.ErrUnavailable, 4, 1},
		{"a read waits no minute", []fault{tooLong}, get, myvault.ErrUnavailable, 1, 1},
		{"a proxy's 502 is no answer", []fault{gateway}, get, nil, 2, 1},
		{"a proxy's 404 finds nothing out", []fault{missing}, get, myvault.ErrUnavailable, 1, 1},
		{"a change is repeated if nothing was changed", []fault{busy, limited}, put(), nil, 3, 2},
		{"a change without an answer is not repeated", []fault{dropAfter}, put(), myvault.ErrUnknownOutcome, 1, 2},
		{"a lost change is not repeated", []fault{dropBefore}, put(), myvault.ErrUnknownOutcome, 1, 1},
		{"a proxy's 502 leaves a change unknown", []fault{gateway}, put(), myvault.ErrUnknownOutcome, 1, 2},
		{"a creation is not repeated", []fault{dropAfter}, put(myvault.IfAbsent()), myvault.ErrUnknownOutcome, 1, 1},
		{"a change of a version is repeated", []fault{dropBefore}, put(myvault.IfVersion(1)), nil, 2, 2},
		{"a change of a version is made once", []fault{dropAfter}, put(myvault.IfVersion(1)), myvault.ErrUnknownOutcome, 2, 2},
		{"a lost one stays unknown", []fault{dropAfter, busy, busy, busy}, put(myvault.IfVersion(1)), myvault.ErrUnknownOutcome, 4, 2},
		{"a deletion is not repeated", []fault{dropAfter}, remove, myvault.ErrUnknownOutcome, 1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			is := is.New(t)
			s := serve(t, "memory")
			_, err := s.vault.As("admin").Put(t.Context(), db, myvault.Text("old"))
			is.NoErr(err)
			p := newFaultyProxy(t, s, test.faults...)
			c := newClient(t, client.Config{Address: p.URL, Service: "admin", Token: myvault.Text(vaulttest.Token("admin"))})
			err = test.call(t.Context(), c)
			is.True(errors.Is(err, test.err))
			is.True(test.err != nil || err == nil)
			is.True(!errors.Is(err, myvault.ErrConflict)) // only one kind
			is.Equal(p.requests.Load(), test.requests)
			for info, err := range s.vault.As("admin").Versions(t.Context(), db) {
				is.NoErr(err)
				is.Equal(info.Version, test.versions)
				break
			}
		})
	}
}

// TestNoServer: nothing was sent, so a change has no unknown outcome.
func TestNoServer(t *testing.T) {
	is := is.New(t)
	s := serve(t, "memory")
	c := s.as(t, "admin")
	s.Close()
	_, err := c.Put(t.Context(), db, myvault.Text("x"))
	isErr(is, err, myvault.ErrUnavailable)
	is.True(!errors.Is(err, myvault.ErrUnknownOutcome))
	isErr(is, c.Health(t.Context()), myvault.ErrUnavailable)
}

// TestContext: the error of a context is that of a session, or unknown if a change was sent.
func TestContext(t *testing.T) {
	is := is.New(t)
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the end of the connection is not seen
		<-r.Context().Done()
	}))
	defer silent.Close()
	c := newClient(t, client.Config{Address: silent.URL, Service: "admin", Token: myvault.Text(vaulttest.Token("admin"))})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.Get(ctx, db)
	isErr(is, err, context.DeadlineExceeded)
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err = c.Put(ctx, db, myvault.Text("x"))
	isErr(is, err, context.Canceled)
	isErr(is, err, myvault.ErrUnknownOutcome)
	_, err = c.Put(ctx, db, myvault.Text("x"))
	isErr(is, err, context.Canceled)
	is.True(!errors.Is(err, myvault.ErrUnknownOutcome)) // it was not sent
}

// TestTimeout: an attempt ends, and the next one is made.
func TestTimeout(t *testing.T) {
	is := is.New(t)
	var requests atomic.Int64
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		<-r.Context().Done()
	}))
	defer silent.Close()
	c := newClient(t, client.Config{
		Address: silent.URL, Service: "admin", Token: myvault.Text(vaulttest.Token("admin")), Timeout: 20 * time.Millisecond, Attempts: 2,
	})
	_, err := c.Get(t.Context(), db)
	isErr(is, err, myvault.ErrUnavailable)
	is.Equal(requests.Load(), int64(2))
	is.Equal(err.Error(), "myvault: get newsbot/prod/db: store unavailable: no answer within 20ms")
}
