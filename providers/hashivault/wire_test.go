package hashivault_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
)

// front is a server before a fake, which counts its connections.
type front struct {
	*httptest.Server
	opened atomic.Int64
	closed chan struct{}
}

func newFront(t *testing.T, handler http.Handler) *front {
	f := &front{closed: make(chan struct{}, 100)}
	f.Server = httptest.NewUnstartedServer(handler)
	f.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			f.opened.Add(1)
		case http.StateClosed:
			f.closed <- struct{}{}
		}
	}
	f.Start()
	t.Cleanup(f.Close)
	return f
}

// TestConnectionsAreUsedAgain by who comes after, and closed with the store.
func TestConnectionsAreUsedAgain(t *testing.T) {
	is := is.New(t)
	fake := fakevault.New(t)
	f := newFront(t, fake)
	s := opened(t, fresh(f.URL, fake.Token))
	for range 10 {
		do(t, s, put("newsbot/a", "1"))
		_, err := s.Get(t.Context(), at("newsbot/a"), 0)
		is.NoErr(err)
		_, err = s.Get(t.Context(), at("newsbot/none"), 0) // a 404 is an answer like others
		is.True(errors.Is(err, myvault.ErrNotFound))
	}
	is.Equal(f.opened.Load(), int64(1))
	is.NoErr(s.Close())
	<-f.closed
}

// TestAConnectionThatTheServerClosed is found closed before a change is sent over it: the change is made, once,
// and nobody has to look what became of it.
func TestAConnectionThatTheServerClosed(t *testing.T) {
	is := is.New(t)
	fake := fakevault.New(t)
	f := newFront(t, fake)
	s := opened(t, fresh(f.URL, fake.Token))
	do(t, s, put("newsbot/a", "1"))
	for range 5 {
		f.CloseClientConnections()
		<-f.closed
		fake.Requests()
		do(t, s, put("newsbot/a", "2"))
		is.Equal(fake.Requests(), []string{"POST data"})
		f.CloseClientConnections()
		<-f.closed
		_, err := s.Get(t.Context(), at("newsbot/a"), 0)
		is.NoErr(err)
		is.Equal(fake.Requests(), []string{"GET data"})
	}
	is.Equal(len(states(t, s, "newsbot/a")), 6)
}

// TestAConnectionWhoseCallerLeft carries nothing any more: the answer to the next caller would be that to the first.
func TestAConnectionWhoseCallerLeft(t *testing.T) {
	is := is.New(t)
	fake := fakevault.New(t)
	asked, left := make(chan struct{}), make(chan struct{})
	var wait atomic.Bool
	f := newFront(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if wait.CompareAndSwap(true, false) {
			close(asked)
			<-left
		}
		fake.ServeHTTP(w, r)
	}))
	s := opened(t, fresh(f.URL, fake.Token))
	do(t, s, put("newsbot/a", "of a"), put("newsbot/b", "of b"))
	wait.Store(true)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	_, err := s.Get(ctx, at("newsbot/a"), 0)
	is.True(errors.Is(err, context.Canceled))
	close(left)
	secret, err := s.Get(t.Context(), at("newsbot/b"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "of b")
	is.Equal(f.opened.Load(), int64(2))
}

// TestAnswersInPieces: what comes in chunks, after an answer that says to wait, or with an end of the connection,
// is understood.
func TestAnswersInPieces(t *testing.T) {
	is := is.New(t)
	fake := fakevault.New(t)
	var last atomic.Bool
	f := newFront(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		if last.Load() {
			w.Header().Set("Connection", "close")
		}
		fake.ServeHTTP(pieces{w}, r)
	}))
	s := opened(t, fresh(f.URL, fake.Token))
	for range 2 {
		do(t, s, put("newsbot/a", "hunter2"))
		secret, err := s.Get(t.Context(), at("newsbot/a"), 0)
		is.NoErr(err)
		is.Equal(secret.Value.Reveal(), "hunter2")
		last.Store(true)
	}
}

// pieces sends each write at once, which has no length then.
type pieces struct{ http.ResponseWriter }

func (p pieces) Write(b []byte) (int, error) {
	for i := range b {
		if _, err := p.ResponseWriter.Write(b[i : i+1]); err != nil {
			return i, err
		}
		if i%16 == 0 {
			p.ResponseWriter.(http.Flusher).Flush()
		}
	}
	return len(b), nil
}

// TestNothingEscapesFromAHeader: what would begin another line of a request is not sent.
func TestNothingEscapesFromAHeader(t *testing.T) {
	is := is.New(t)
	stranger := eavesdrop(t)
	config := fresh(stranger.URL, "a-token")
	config.Namespace = "team\r\nX-Vault-Token: another"
	_, err := hashivault.Open(t.Context(), config)
	is.True(errors.Is(err, myvault.ErrUnavailable))
	is.Equal(stranger.said(), nil)
	config = fresh("http://vault.例え", "a-token")
	_, err = hashivault.Open(t.Context(), config)
	is.True(errors.Is(err, myvault.ErrInvalid)) // its name in DNS begins with xn--
}
