package hashivault_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/vaultserver"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
)

// benchmarked returns a real server if MYVAULT_VAULT_BIN names its binary, otherwise the fake.
func benchmarked(b *testing.B) *vaultserver.Server {
	b.Helper()
	if os.Getenv("MYVAULT_VAULT_BIN") != "" {
		return vaultserver.Dev(b, vaultserver.Binary(b))
	}
	return serverOf(fakevault.New(b))
}

// BenchmarkRead compares reads through the provider with the same request sent by net/http alone.
func BenchmarkRead(b *testing.B) {
	server := benchmarked(b)
	is := is.New(b)
	config := fresh(server.Address, server.Token)
	config.KeepVersions = 10 // Vault writes the list of all versions with each of them
	server.Must(b, http.MethodPost, "secret/config", `{"max_versions":10}`)
	s := opened(b, config)
	_, err := apply(b.Context(), s, put("newsbot/prod/db", strings.Repeat("v", 64)))
	is.NoErr(err)
	b.Run("provider", func(b *testing.B) {
		inParallel(b, func(int64) error {
			_, err := s.Get(b.Context(), at("newsbot/prod/db"), 0)
			return err
		})
	})
	b.Run("net_http", func(b *testing.B) {
		ask := plainly(b, server)
		inParallel(b, func(int64) error {
			return ask(http.MethodGet, "secret/data/"+config.Base+"/secrets/newsbot/prod/db", "")
		})
	})
}

// BenchmarkWrite is BenchmarkRead for writes without a condition, to a secret for each caller.
func BenchmarkWrite(b *testing.B) {
	server := benchmarked(b)
	is := is.New(b)
	config := fresh(server.Address, server.Token)
	config.KeepVersions = 10 // Vault writes the list of all versions with each of them
	server.Must(b, http.MethodPost, "secret/config", `{"max_versions":10}`)
	s := opened(b, config)
	value := strings.Repeat("v", 64)
	_, err := apply(b.Context(), s, put("newsbot/prod/db", value))
	is.NoErr(err)
	b.Run("provider", func(b *testing.B) {
		inParallel(b, func(caller int64) error {
			_, err := apply(b.Context(), s, put(fmt.Sprint("newsbot/prod/", caller), value))
			return err
		})
	})
	b.Run("net_http", func(b *testing.B) {
		ask := plainly(b, server)
		body := `{"data":{"value":"` + value + `","by":{"commonUI":""},"at":{"2026-11-23T15:04:05.123456Z":""},"change":{"ABCDEFGHIJKLMNOPQRSTUVWXYZ":""}},"options":{}}`
		inParallel(b, func(caller int64) error {
			return ask(http.MethodPost, fmt.Sprint("secret/data/", config.Base, "/secrets/newsbot/direct/", caller), body)
		})
	})
}

// callers is the number of callers for each processor.
const callers = 8

func inParallel(b *testing.B, call func(caller int64) error) {
	b.SetParallelism(callers)
	var started atomic.Int64
	b.RunParallel(func(pb *testing.PB) {
		caller := started.Add(1)
		for pb.Next() {
			if err := call(caller); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// plainly returns a function that sends a request with net/http's defaults and reads the
// answer.
func plainly(b *testing.B, server *vaultserver.Server) func(method, path, body string) error {
	transport := &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
	b.Cleanup(transport.CloseIdleConnections)
	return func(method, path, body string) error {
		r, err := http.NewRequestWithContext(b.Context(), method, server.Address+"/v1/"+path, strings.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("X-Vault-Token", server.Token)
		response, err := transport.RoundTrip(r)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s %s answers %d", method, path, response.StatusCode)
		}
		return nil
	}
}
