package httpapi

import (
	"context"
	"encoding/base64"
	"net/http"
	"time"
)

// SealCursor returns the cursor that h makes of plain, padded or not, bound to about.
func SealCursor(h *Handler, plain, about string) string {
	return base64.RawURLEncoding.EncodeToString(h.cursors.seal(context.Background(), []byte(plain), []byte(about)))
}

// WaitsTwice reports whether who has looked at a connection that waits takes its place after it has worked, and waits anew.
func WaitsTwice(pause func()) (taken bool) {
	c := &connection{all: &connections{began: time.Now()}}
	pause()
	c.waits()
	seen := c.turn.Load()
	c.works()
	pause()
	c.waits()
	return c.turn.CompareAndSwap(seen, int64(gone))
}

// Remote returns the address that a request came from, for a server with those forwarders.
func Remote(named []string, r *http.Request) (string, error) {
	f, err := newForwarders(named)
	return f.remote(r), err
}
