//go:build unix

package hashivault_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/myswiftagent/myvault/internal/vaultserver"
)

const (
	bareWriters = 4
	retryPause  = 20 * time.Millisecond
)

// outages measures the time from a disturbance to the start of the first write that succeeds.
type outages struct {
	mu    sync.Mutex
	since time.Time // of the disturbance; zero while there is service
	over  chan time.Duration
	all   []time.Duration
}

func newOutages() *outages { return &outages{over: make(chan time.Duration, 1)} }

func (o *outages) begin() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.since = time.Now()
}

// succeeded records a write that was made, and when it was started.
func (o *outages) succeeded(begun time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.since.IsZero() && begun.After(o.since) {
		o.over <- time.Since(o.since)
		o.since = time.Time{}
	}
}

// wait waits until there is service again.
func (o *outages) wait(t *testing.T) time.Duration {
	t.Helper()
	select {
	case d := <-o.over:
		o.all = append(o.all, d)
		return d
	case <-time.After(back):
		t.Fatalf("no service for %v", back)
		return 0
	}
}

func (o *outages) worst() time.Duration { return slices.Max(o.all).Round(time.Millisecond) }

func (o *outages) median() time.Duration {
	return slices.Sorted(slices.Values(o.all))[len(o.all)/2].Round(time.Millisecond)
}

// startBare starts a few writers of Vault's own API, which go to the next node after each
// failure. stop ends them and returns the number of their writes.
func startBare(t *testing.T, c *vaultserver.Cluster, o *outages) (stop func() int64) {
	ctx, cancel := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	var writes atomic.Int64
	addresses, token := c.Addresses(), c.Nodes[0].Token
	for w := range bareWriters {
		writers.Go(func() {
			client := http.Client{Timeout: oneRequest, Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
			defer client.CloseIdleConnections()
			for node, n := 0, 0; ctx.Err() == nil; n++ {
				begun := time.Now()
				path := fmt.Sprintf("/v1/secret/data/bare/%d/%d", w, n/writesEach)
				if bareWrite(ctx, &client, addresses[node]+path, token, n) {
					writes.Add(1)
					o.succeeded(begun)
				} else {
					node = (node + 1) % len(addresses)
				}
				time.Sleep(retryPause)
			}
		})
	}
	t.Cleanup(func() { cancel(); writers.Wait() })
	return func() int64 {
		cancel()
		writers.Wait()
		return writes.Load()
	}
}

func bareWrite(ctx context.Context, client *http.Client, url, token string, n int) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(fmt.Appendf(nil, `{"data":{"value":"%d"}}`, n)))
	if err != nil {
		return false
	}
	r.Header.Set("X-Vault-Token", token)
	response, err := client.Do(r)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}
