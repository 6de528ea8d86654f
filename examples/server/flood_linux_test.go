package main_test

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
	"testing"
	"time"

	"github.com/matryer/is"
)

const (
	tricklers  = 2000 // connections that send a byte now and then
	guessers   = 16   // clients that send wrong tokens as fast as they are answered
	goodReads  = 1000
	maxGrowth  = 32 << 20 // bytes
	perWindow  = 260      // entries of refusals in a second: 256 different ones, and what comes beyond them
	floodsFrom = "127.0.0.1"
	saysWithin = 500 * time.Millisecond // until which a stranger who says nothing keeps its place
)

// TestFlood: 2,000 connections trickle, and wrong tokens come from ever other addresses as a proxy
// tells them, while a good client reads. It is always answered; memory and trail stay bounded. What
// it waited is logged, and not held to anything: go test ./examples/server -run TestFlood -v
func TestFlood(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	replace(t, filepath.Join(dir, ".env"), strings.Replace(goodEnv, "ALLOW_svc=newsbot/", "ALLOW_svc=*/,*/@audit", 1))
	p := start(t, dir, "MYVAULT_FORWARDERS="+floodsFrom, "LOG_LEVEL=ERROR")
	is.Equal(p.must(t, svc, "POST", "/api/secrets", `{"project":"p","path":"prod/x","value":"v"}`).status, 201)
	for range 500 {
		is.Equal(p.must(t, svc, "GET", "/api/secrets/p/prod/x", "").status, 200)
	}
	before := p.resident(t)

	ctx, stop := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	var guessed, limited, cut atomic.Int64
	for range tricklers {
		flood.Go(func() { p.trickle(ctx, &cut) })
	}
	for range guessers {
		flood.Go(func() { p.guess(ctx, &guessed, &limited) })
	}
	began, most := time.Now(), before
	var waits []time.Duration
	late := 0
	for n := range goodReads {
		if n%10 == 0 { // a client that comes anew is let in too
			http.DefaultClient.CloseIdleConnections()
		}
		asked := time.Now()
		is.Equal(p.read(t, &late), 200)
		waits = append(waits, time.Since(asked))
		most = max(most, p.resident(t))
		time.Sleep(5 * time.Millisecond)
	}
	windows := int(time.Since(began)/time.Second) + 3
	stop()
	flood.Wait()

	entries, counted := p.failures(t)
	slices.Sort(waits)
	t.Logf("good client: %d reads, all 200; p50 %v, p99 %v, longest %v; %d times cut off after half a second",
		len(waits), waits[len(waits)/2], waits[len(waits)*99/100], waits[len(waits)-1], late)
	t.Logf("resident memory: %.1f MiB before, at most %.1f MiB more", float64(before)/(1<<20), float64(most-before)/(1<<20))
	t.Logf("%d wrong tokens in %d s, %d answered 429, in %d entries; %d connections that trickled were cut off", guessed.Load(), windows-3, limited.Load(), entries, cut.Load())
	is.True(most-before < maxGrowth)
	is.True(entries <= perWindow*windows)
	is.True(counted >= guessed.Load()) // merged, and none forgotten, nor those that were cut off
	is.True(guessed.Load() > 1000 && cut.Load() > 100)
}

// read gives the status of a good client's read. Who comes anew has half a second to say something: a machine on which that was not
// enough has it come again, and is counted as late. Nobody is cut off sooner.
func (p *process) read(t *testing.T, late *int) int {
	t.Helper()
	for {
		asked := time.Now()
		a, err := p.ask(svc, "GET", "/api/secrets/p/prod/x", "")
		if err == nil {
			return a.status
		}
		if took := time.Since(asked); took < saysWithin {
			t.Fatalf("cut off after %v: %v", took, err)
		}
		*late++
	}
}

// trickle holds a connection with a header that never ends, and comes again when it is cut off.
func (p *process) trickle(ctx context.Context, cut *atomic.Int64) {
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
			cut.Add(1)
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
		answer, err := client.Do(r)
		if err != nil {
			continue // cut off: it gave way to others
		}
		_ = answer.Body.Close()
		guessed.Add(1)
		if answer.StatusCode == http.StatusTooManyRequests {
			limited.Add(1)
		}
	}
}

// resident gives the memory that the server has in RAM, in bytes.
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

// failures counts the entries of failed log-ins, and what they stand for, once all are written.
func (p *process) failures(t *testing.T) (entries int, counted int64) {
	t.Helper()
	time.Sleep(12 * time.Second) // failures are written within ten
	path := "/api/audit?outcome=unauthenticated&limit=1000"
	for path != "" {
		page := p.must(t, svc, "GET", path, "")
		var some []struct{ Count int64 }
		if err := json.Unmarshal([]byte(page.body), &some); err != nil {
			t.Fatal(err)
		}
		entries += len(some)
		for _, e := range some {
			counted += e.Count
		}
		path = ""
		if next := regexp.MustCompile(`<([^>]+)>; rel="next"`).FindStringSubmatch(page.header.Get("Link")); next != nil {
			path = next[1]
		}
	}
	return entries, counted
}
