package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/providers/memory"
)

// BenchmarkGet reads one secret of 64 bytes among 10,000 over 64 connections, beside a bare
// net/http handler that writes the same bytes. Client and server share the cores.
func BenchmarkGet(b *testing.B) {
	for _, c := range []struct {
		name  string
		reads myvault.Reads
	}{{"strict", myvault.Strict}, {"relaxed", myvault.Relaxed}, {"off", myvault.Off}} {
		handler := benchHandler(b, c.reads)
		b.Run(c.name, func(b *testing.B) { benchServer(b, handler) })
	}
	body := record(benchHandler(b, myvault.Off), benchRequest(b, "http://localhost")).Body.Bytes()
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
	b.Run("bare", func(b *testing.B) { benchServer(b, bare) })
}

// BenchmarkHandler is the same read without a network: what the checks and the JSON cost.
func BenchmarkHandler(b *testing.B) {
	handler := benchHandler(b, myvault.Off)
	request := benchRequest(b, "http://localhost")
	b.ReportAllocs()
	for b.Loop() {
		if w := record(handler, request); w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}

func benchHandler(b *testing.B, reads myvault.Reads) http.Handler {
	b.Helper()
	policy, err := myvault.ParsePolicy(settings)
	if err != nil {
		b.Fatal(err)
	}
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{Reads: reads})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = vault.Close() })
	changes := make([]myvault.Change, 1000)
	for block := range 10 {
		for i := range changes {
			addr := myvault.Address{Project: "newsbot", Path: fmt.Sprintf("prod/s%05d", block*1000+i)}
			changes[i] = myvault.Change{Op: myvault.OpPut, Address: addr, Value: myvault.Text(strings.Repeat("x", 64))}
		}
		if _, err := vault.As("admin").Apply(b.Context(), changes...); err != nil {
			b.Fatal(err)
		}
	}
	handler, err := httpapi.New(vault, httpapi.Config{})
	if err != nil {
		b.Fatal(err)
	}
	return handler
}

func benchRequest(b *testing.B, url string) *http.Request {
	b.Helper()
	r, err := http.NewRequest("GET", url+"/api/secrets/newsbot/prod/s05000", nil)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("X-Service", "reader")
	r.Header.Set("X-Token", readerToken)
	return r
}

func benchServer(b *testing.B, handler http.Handler) {
	const connections = 64
	server := httptest.NewServer(handler)
	defer server.Close()
	transport := &http.Transport{MaxIdleConnsPerHost: connections}
	defer transport.CloseIdleConnections()
	b.SetParallelism(connections / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		request := benchRequest(b, server.URL)
		for pb.Next() {
			response, err := transport.RoundTrip(request)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
			if response.StatusCode != 200 {
				b.Error(response.StatusCode)
			}
		}
	})
}
