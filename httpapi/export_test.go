package httpapi

import (
	"context"
	"encoding/base64"
)

// SealCursor returns the cursor that h makes of plain, padded or not, bound to about.
func SealCursor(h *Handler, plain, about string) string {
	return base64.RawURLEncoding.EncodeToString(h.cursors.seal(context.Background(), []byte(plain), []byte(about)))
}
