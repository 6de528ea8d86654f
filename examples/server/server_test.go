package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/client"
	"github.com/myswiftagent/myvault/crypto"
)

// TestServer serves a store, and writes and reads a secret over HTTP.
func TestServer(t *testing.T) {
	is := is.New(t)
	dir, token := t.TempDir(), "a-token-of-the-test"
	key, tokenFile := filepath.Join(dir, "master.key"), filepath.Join(dir, "token")
	is.NoErr(os.WriteFile(key, []byte(crypto.NewKey().Text()+"\n"), 0o600))
	is.NoErr(os.WriteFile(tokenFile, []byte(token), 0o600))
	ctx, stop := context.WithCancel(t.Context())
	ready, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() {
		ended <- run(ctx, filepath.Join(dir, "data"), key, tokenFile, "127.0.0.1:0", func(addr net.Addr) { ready <- addr })
	}()
	var addr net.Addr
	select {
	case addr = <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	vault, err := client.New(client.Config{Address: "http://" + addr.String(), Service: "newsbot", Token: myvault.Text(token)})
	is.NoErr(err)
	secret := myvault.Address{Project: "newsbot", Path: "prod/db"}
	_, err = vault.Put(ctx, secret, myvault.Text("hunter2"))
	is.NoErr(err)
	got, err := vault.Get(ctx, secret)
	is.NoErr(err)
	is.Equal(got.Value.Reveal(), "hunter2")
	stop()
	is.NoErr(<-ended)
}
