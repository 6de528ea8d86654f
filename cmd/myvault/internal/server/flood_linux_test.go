package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/matryer/is"
)

const (
	slowConnections = 2000 // connections that send a byte from time to time
	guessers        = 16   // clients that send wrong tokens
	goodReads       = 1000
	maxGrowth       = 32 << 20 // bytes
	maxEntries      = 260      // entries of failed log-ins per second: 256 distinct ones and those beyond
	proxy           = "127.0.0.1"
	silenceTimeout  = 500 * time.Millisecond // until the server may close a silent new connection
)

// TestFlood opens 2,000 slow connections and sends wrong tokens from many addresses (through a
// proxy) while a good client reads. Each read of the good client must succeed, and memory and
// trail must stay bounded. Its latency is only logged:
//
//	go test ./cmd/myvault/internal/server -run TestFlood -v
func TestFlood(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	replace(t, filepath.Join(dir, ".env"), strings.Replace(goodEnv, "ALLOW_svc=newsbot/", "ALLOW_svc=*/,*/@audit", 1))
	p := start(t, dir, "MYVAULT_FORWARDERS="+proxy, "LOG_LEVEL=ERROR")
	is.Equal(p.must(t, svc, "POST", "/api/secrets", `{"project":"p","path":"prod/x","value":"v"}`).status, 201)
	for range 500 {
		is.Equal(p.must(t, svc, "GET", "/api/secrets/p/prod/x", "").status, 200)
	}
	before := p.resident(t)

	ctx, stop := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	var guessed, limited, closed atomic.Int64
	for range slowConnections {
		flood.Go(func() { p.sendSlowly(ctx, &closed) })
	}
	for range guessers {
		flood.Go(func() { p.guess(ctx, &guessed, &limited) })
	}
	began, peak := time.Now(), before
	var latencies []time.Duration
	retries := 0
	for n := range goodReads {
		if n%10 == 0 { // also over new connections
			http.DefaultClient.CloseIdleConnections()
		}
		sent := time.Now()
		is.Equal(p.read(t, &retries), 200)
		latencies = append(latencies, time.Since(sent))
		peak = max(peak, p.resident(t))
		time.Sleep(5 * time.Millisecond)
	}
	seconds := int(time.Since(began)/time.Second) + 3
	stop()
	flood.Wait()

	is.NoErr(p.stop(t, syscall.SIGTERM)) // writes the pending entries
	p = start(t, dir)
	entries, counted := p.failures(t)
	slices.Sort(latencies)
	t.Logf("good client: %d reads, all 200; p50 %v, p99 %v, max %v; %d retries after half a second",
		len(latencies), latencies[len(latencies)/2], latencies[len(latencies)*99/100], latencies[len(latencies)-1], retries)
	t.Logf("resident memory: %.1f MiB before, at most %.1f MiB more", float64(before)/(1<<20), float64(peak-before)/(1<<20))
	t.Logf("%d wrong tokens in %d s, %d with status 429, in %d entries; %d slow connections closed", guessed.Load(), seconds-3, limited.Load(), entries, closed.Load())
	is.True(peak-before < maxGrowth)
	is.True(entries <= maxEntries*seconds)
	is.True(counted >= guessed.Load()) // coalesced, but none lost, including those of closed connections
	is.True(guessed.Load() > 1000 && closed.Load() > 100)
}

// read returns the status of a read by the good client. A new connection has half a second to
// send its request. If this machine was too slow for that, read tries again. The server must not
// close the connection earlier.
func (p *process) read(t *testing.T, retries *int) int {
	t.Helper()
	for {
		sent := time.Now()
		a, err := p.ask(svc, "GET", "/api/secrets/p/prod/x", "")
		if err == nil {
			return a.status
		}
		if took := time.Since(sent); took < silenceTimeout {
			t.Fatalf("closed after %v: %v", took, err)
		}
		*retries++
	}
}

// sendSlowly keeps a connection open with a header that never ends, and reconnects when the server
// closes it.
func (p *process) sendSlowly(ctx context.Context, closed *atomic.Int64) {
	for ctx.Err() == nil {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(p.url, "http://"))
		if err != nil {
			continue
		}
		_, err = conn.Write([]byte("GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Filler: "))
		for err == nil && ctx.Err() == nil {
			time.Sleep(time.Duration(200+rand.IntN(200)) * time.Millisecond)
			_, err = conn.Write([]byte("x"))
		}
		if err != nil {
			closed.Add(1)
		}
		_ = conn.Close()
		time.Sleep(500 * time.Millisecond)
	}
}

// guess sends wrong tokens for known and unknown services, each from another address.
func (p *process) guess(ctx context.Context, guessed, limited *atomic.Int64) {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for n := 0; ctx.Err() == nil; n++ {
		r, err := http.NewRequest("GET", p.url+"/api/secrets/p/prod/x", nil)
		if err != nil {
			panic(err)
		}
		r.Header.Set("X-Service", []string{"svc", fmt.Sprint("guess-", n)}[n%2])
		r.Header.Set("X-Token", fmt.Sprintf("wrong-token-%020d", n))
		r.Header.Set("X-Forwarded-For", fmt.Sprintf("198.%d.%d.%d", rand.IntN(256), rand.IntN(256), rand.IntN(256)))
		response, err := client.Do(r)
		if err != nil {
			continue // the server closed the connection
		}
		_ = response.Body.Close()
		guessed.Add(1)
		if response.StatusCode == http.StatusTooManyRequests {
			limited.Add(1)
		}
	}
}

// resident returns the resident memory of the server in bytes.
func (p *process) resident(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	kib, err := strconv.ParseInt(regexp.MustCompile(`VmRSS:\s+(\d+) kB`).FindStringSubmatch(string(text))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// failures returns the number of entries of failed log-ins, and the number of log-ins that they
// count.
func (p *process) failures(t *testing.T) (entries int, counted int64) {
	t.Helper()
	path := "/api/audit?outcome=unauthenticated&limit=1000"
	for path != "" {
		page := p.must(t, svc, "GET", path, "")
		var list []struct{ Count int64 }
		if err := json.Unmarshal([]byte(page.body), &list); err != nil {
			t.Fatal(err)
		}
		entries += len(list)
		for _, e := range list {
			counted += e.Count
		}
		path = ""
		if next := regexp.MustCompile(`<([^>]+)>; rel="next"`).FindStringSubmatch(page.header.Get("Link")); next != nil {
			path = next[1]
		}
	}
	return entries, counted
}
