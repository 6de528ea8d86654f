package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/client"
	"github.com/myswiftagent/myvault/vaulttest"
)

// cutter passes connections to a server, and can cut all of them.
type cutter struct {
	net.Listener
	mu    sync.Mutex
	conns []net.Conn
}

func newCutter(t *testing.T, to string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{Listener: l}
	t.Cleanup(func() { _ = l.Close(); c.cut() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			c.mu.Lock()
			c.conns = append(c.conns, in, out)
			c.mu.Unlock()
			for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
				go func() {
					buffer := make([]byte, 4096)
					for {
						n, err := pair[0].Read(buffer)
						if _, wrong := pair[1].Write(buffer[:n]); err != nil || wrong != nil {
							_ = pair[1].Close()
							return
						}
					}
				}()
			}
		}
	}()
	return c
}

func (c *cutter) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, conn := range c.conns {
		_ = conn.Close()
	}
	c.conns = nil
}

// TestWatchSurvivesCuts: while connections are cut, each change is delivered once and in order.
func TestWatchSurvivesCuts(t *testing.T) {
	for store := range stores {
		t.Run(store, func(t *testing.T) {
			is := is.New(t)
			s := serve(t, store)
			cut := newCutter(t, s.Listener.Addr().String())
			c := newClient(t, client.Config{
				Address: "http://" + cut.Addr().String(), Service: "admin", Token: myvault.Text(vaulttest.Token("admin")), Attempts: 50,
			})
			const changes = 60
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var got []string
			started := false
			for e, err := range c.Watch(ctx, myvault.WatchOptions{Prefix: myvault.Prefix{Project: "newsbot"}}) {
				is.NoErr(err)
				if !started { // after the first bookmark nothing is missed
					started = true
					go func() {
						for n := range changes {
							_, _ = s.vault.As("admin").Put(ctx, db, myvault.Text(fmt.Sprint(n)))
							_, _ = s.vault.As("admin").Put(ctx, hidden, myvault.Text("of another project"))
							if n%10 == 5 {
								cut.cut()
							}
						}
					}()
				}
				for _, change := range e.Changes {
					is.Equal(e.By, "admin")
					is.True(!e.At.IsZero())
					got = append(got, change.String())
				}
				if len(got) >= changes {
					break
				}
			}
			is.Equal(len(got), changes)
			for n, text := range got {
				is.Equal(text, fmt.Sprintf("newsbot/prod/db version %d live", n+1))
			}
		})
	}
}

// TestWatchEnds: a watch ends with the errors of a session, and with that of its context.
func TestWatchEnds(t *testing.T) {
	is := is.New(t)
	s := serve(t, "memory")
	end := func(c *client.Client, r myvault.WatchOptions, meanwhile func()) error {
		for _, err := range c.Watch(t.Context(), r) {
			if err != nil {
				return err
			}
			meanwhile()
		}
		return nil
	}
	nothing := func() {}
	isErr(is, end(s.as(t, "writer"), myvault.WatchOptions{}, nothing), myvault.ErrDenied)
	isErr(is, end(s.as(t, "admin"), myvault.WatchOptions{After: "AAAA"}, nothing), myvault.ErrStalePosition)
	isErr(is, end(s.as(t, "admin"), myvault.WatchOptions{Prefix: myvault.Prefix{Path: "x"}}, nothing), myvault.ErrInvalid)
	err := end(s.as(t, "reader"), myvault.WatchOptions{Prefix: myvault.Prefix{Project: "newsbot"}}, func() {
		policy, err := myvault.NewPolicy(services(t)[0])
		is.NoErr(err)
		s.vault.SetPolicy(policy)
	})
	isErr(is, err, myvault.ErrUnauthenticated) // in mid-stream
	is.Equal(err.Error(), "myvault: watch newsbot: not authenticated")
	isErr(is, end(s.as(t, "admin"), myvault.WatchOptions{}, func() { s.Config.Handler = nil; s.CloseClientConnections(); s.Listener.Close() }), myvault.ErrUnavailable)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	live := serve(t, "memory")
	for _, err := range live.as(t, "admin").Watch(ctx, myvault.WatchOptions{}) {
		cancel()
		is.True(err == nil || errors.Is(err, context.Canceled))
	}
	is.True(ctx.Err() != nil)
}
