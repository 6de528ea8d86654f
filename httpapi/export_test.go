package httpapi

import (
	"context"
	"encoding/base64"
	"time"
)

// SealCursor returns the cursor that h makes of plain, padded or not, bound to about.
func SealCursor(h *Handler, plain, about string) string {
	return base64.RawURLEncoding.EncodeToString(h.cursors.seal(context.Background(), []byte(plain), []byte(about)))
}

// SetHeartbeat sets the time between the bookmarks of streams that begin later.
func SetHeartbeat(h *Handler, every time.Duration) { h.heartbeat = every }

// OpenWatches returns how many requests watch.
func OpenWatches(h *Handler) int {
	h.watches.mu.Lock()
	defer h.watches.mu.Unlock()
	return h.watches.open
}
