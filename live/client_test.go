package live_test

import (
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/client"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/live"
	"github.com/myswiftagent/myvault/vaulttest"
)

// start serves api at address until the function that it returns is called.
func start(t *testing.T, api http.Handler, address string) (at string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: api, ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String(), func() { _ = s.Close() }
}

// TestOverHTTP: a program follows its secrets over HTTP, starts again while the server is down, and
// goes on once it is back.
func TestOverHTTP(t *testing.T) {
	is := is.New(t)
	vault := vaulttest.New(t, map[string]string{"newsbot/prod/left": "1", "newsbot/prod/right": "-1"})
	session := vault.As(vaulttest.DefaultService)
	api, err := httpapi.New(vault, httpapi.Config{})
	is.NoErr(err)
	address, stop := start(t, api, "127.0.0.1:0")
	uses := make(chan client.CacheUse, 100)
	file := filepath.Join(t.TempDir(), "cache")
	remote := func() *client.Client {
		c, err := client.New(client.Config{
			Address: "http://" + address, Service: vaulttest.DefaultService, Attempts: 1,
			Token: myvault.Text(vaulttest.Token(vaulttest.DefaultService)),
			Cache: &client.Cache{File: file, OnUse: func(u client.CacheUse) {
				select {
				case uses <- u:
				default:
				}
			}},
		})
		is.NoErr(err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	running := bind[pair](t, remote(), live.Config{Interval: time.Hour})
	is.NoErr(putPair(t.Context(), session, "2", "-2"))
	is.NoErr(running.Refresh(t.Context()))
	is.Equal(*running.Load(), pair{2, -2})
	is.Equal(len(uses), 0)

	stop()
	restarted := bind[pair](t, remote(), live.Config{Interval: time.Millisecond})
	is.Equal(*restarted.Load(), pair{2, -2})
	is.Equal((<-uses).Secret.Address, at("prod/left"))
	is.Equal((<-uses).Secret.Address, at("prod/right"))
	for restarted.Err() == nil { // the listing fails, and is reported
		time.Sleep(time.Millisecond)
	}

	is.NoErr(putPair(t.Context(), session, "3", "-3"))
	start(t, api, address)
	for *restarted.Load() != (pair{3, -3}) {
		time.Sleep(time.Millisecond)
	}
}
