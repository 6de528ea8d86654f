package fakevault

import (
	"context"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
)

// Piped is New without a socket: Dial is the only way to reach the server. Its connections are
// in memory, so in a bubble of testing/synctest timeouts and delays use the clock of the
// bubble.
func Piped(t testing.TB) *Vault {
	t.Helper()
	v := unstarted()
	v.Address, v.pipes = "http://vault.internal:8200", serve(t, v)
	return v
}

// Dial connects to a server that Piped made.
func (v *Vault) Dial(ctx context.Context, _, _ string) (net.Conn, error) { return v.pipes.dial(ctx) }

// Serve is Piped for any handler. It returns a function that connects to it.
func Serve(t testing.TB, handler http.Handler) func(ctx context.Context, network, address string) (net.Conn, error) {
	t.Helper()
	p := serve(t, handler)
	return func(ctx context.Context, _, _ string) (net.Conn, error) { return p.dial(ctx) }
}

func serve(t testing.TB, handler http.Handler) *pipes {
	p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: handler}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(p)
	}()
	t.Cleanup(func() {
		_ = server.Shutdown(context.Background()) // it waits for handlers, because a bubble's clock stops at its end
		<-ended
	})
	return p
}

// pipes is a net.Listener to which dial connects.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (p *pipes) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, syscall.ECONNREFUSED
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Addr implements net.Listener.
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }
