package hashivault_test

import (
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/vaultserver"
)

// TestStats: log-ins and renewals are counted, and the token's expiry is known.
func TestStats(t *testing.T) {
	onBoth(t, func(t *testing.T, server *vaultserver.Server) {
		is := is.New(t)
		first := opened(t, byRole(t, server, "1h", "2h")).Stats()
		is.Equal(first.LogIns, uint64(1))
		is.Equal(first.Failures, uint64(0))
		is.True(!first.Failing && !first.Expires.IsZero())

		s := opened(t, byRole(t, server, "2s", "3s"))
		first = s.Stats()
		for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if now := s.Stats(); now.LogIns > 1 && now.Renewals > 0 && now.Expires.After(first.Expires) {
				break
			}
		}
		now := s.Stats()
		is.True(now.LogIns > 1 && now.Renewals > 0) // renewed, and logged in again at the maximum
		is.True(now.Expires.After(first.Expires))
		names := map[string]float64{}
		for _, m := range s.Metrics(t.Context()) {
			names[m.Name] = m.Value
		}
		is.True(names["vault_logins_total"] >= 2 && names["vault_renewals_total"] >= 1)
		is.True(names["vault_token_seconds"] >= 0)
	})
}
