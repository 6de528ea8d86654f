package hashivault_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault"
)

// TestPlaintextBeyondLoopback is refused before anything is sent, unless it is meant.
func TestPlaintextBeyondLoopback(t *testing.T) {
	for address, local := range map[string]bool{
		"http://127.0.0.1:8200": true, "http://127.9.9.9:8200": true, "http://[::1]:8200": true, "http://[::ffff:127.0.0.1]:8200": true,
		"http://localhost:8200": true, "http://LOCALHOST.:8200": true, "https://vault.example.org:8200": true, "https://192.0.2.1": true,
		"http://vault.example.org:8200": false, "http://192.0.2.1:8200": false, "http://0.0.0.0:8200": false, "http://[::]:8200": false,
		"http://[2001:db8::1]:8200": false, "http://localhost.example.org:8200": false, "http://127.0.0.1.example.org": false, "http://127.1:8200": false,
		"HTTP://vault.example.org:8200": false, "http://vault:8200": false,
	} {
		t.Run(address, func(t *testing.T) {
			for _, plaintext := range []bool{false, true} {
				is := is.New(t)
				var dialed atomic.Bool
				refuse := func(context.Context, string, string) (net.Conn, error) {
					dialed.Store(true)
					return nil, errors.New("not there")
				}
				config := fresh(address, "hvs.secret")
				config.Plaintext = plaintext
				_, err := hashivault.Open(t.Context(), hashivault.Over(config, refuse))
				is.Equal(dialed.Load(), local || plaintext)
				is.Equal(errors.Is(err, myvault.ErrInvalid), !local && !plaintext)
				is.True(!strings.Contains(err.Error(), "hvs.secret"))
			}
		})
	}
}
