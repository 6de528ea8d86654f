package client_test

import (
	"path/filepath"
	"testing"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/client"
	"github.com/myswiftagent/myvault/vaulttest"
)

// BenchmarkGet is a read of a secret over HTTP on this machine, without and with a cache.
func BenchmarkGet(b *testing.B) {
	server := vaulttest.NewServer(b, map[string]string{"newsbot/prod/db": "hunter2"})
	config := client.Config{
		Address: server.URL, Service: vaulttest.DefaultService, Token: myvault.Text(vaulttest.Token(vaulttest.DefaultService)),
	}
	run := func(b *testing.B) {
		c, err := client.New(config)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		for b.Loop() {
			if _, err := c.Get(b.Context(), db); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("plain", run)
	config.Cache = &client.Cache{File: filepath.Join(b.TempDir(), "cache"), OnUse: func(client.CacheUse) {}}
	b.Run("cache", run)
}
