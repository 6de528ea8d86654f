package httpapi_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/providers/memory"
)

// BenchmarkGet reads one secret of 64 bytes among 10,000 over 64 connections, beside a bare
// net/http handler that writes the same bytes. Client and server share the cores.
func BenchmarkGet(b *testing.B) {
	for _, c := range []struct {
		name  string
		reads myvault.Reads
	}{{"strict", myvault.ReadsStrict}, {"relaxed", myvault.ReadsRelaxed}, {"off", myvault.ReadsOff}} {
		handler := benchHandler(b, c.reads)
		b.Run(c.name, func(b *testing.B) { benchServer(b, served(b, handler)) })
	}
	bare := servedBare(b, benchHandler(b, myvault.ReadsOff))
	b.Run("bare", func(b *testing.B) { benchServer(b, bare) })
}

// BenchmarkHandler is the same read without a network: the cost of the checks and the JSON.
func BenchmarkHandler(b *testing.B) {
	handler := benchHandler(b, myvault.ReadsOff)
	request := benchRequest(b, "http://localhost")
	b.ReportAllocs()
	for b.Loop() {
		if w := record(handler, request); w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}

func benchHandler(b *testing.B, reads myvault.Reads) *httpapi.Handler {
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

// benchServer asks over connections that stay open, by clients that do next to nothing.
func benchServer(b *testing.B, serve func(net.Listener) (stop func())) {
	const connections = 64
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer serve(listener)()
	var request bytes.Buffer
	if err := benchRequest(b, "http://"+listener.Addr().String()).Write(&request); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetParallelism(connections / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		answer := make([]byte, 4<<10)
		for pb.Next() {
			if _, err := conn.Write(request.Bytes()); err != nil {
				b.Error(err)
				return
			}
			// An answer of this size comes at once, and ends with the line end of its body.
			n, err := conn.Read(answer)
			if err != nil || !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 200 ")) || answer[n-1] != '\n' {
				b.Errorf("%v %q", err, answer[:n])
				return
			}
		}
	})
}

// served serves with [httpapi.Serve].
func served(b *testing.B, handler *httpapi.Handler) func(net.Listener) func() {
	return func(listener net.Listener) func() {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- httpapi.Serve(ctx, listener, handler, serve.Config{}) }()
		return func() {
			cancel()
			if err := <-ended; err != nil {
				b.Error(err)
			}
		}
	}
}

// servedBare serves what the handler answers with net/http alone.
func servedBare(b *testing.B, handler http.Handler) func(net.Listener) func() {
	answer := record(handler, benchRequest(b, "http://localhost"))
	headers, body := answer.Header(), answer.Body.Bytes()
	write := func(w http.ResponseWriter, _ *http.Request) {
		maps.Copy(w.Header(), headers)
		_, _ = w.Write(body)
	}
	return func(listener net.Listener) func() {
		bare := &http.Server{Handler: http.HandlerFunc(write)}
		go func() { _ = bare.Serve(listener) }()
		return func() { _ = bare.Close() }
	}
}
