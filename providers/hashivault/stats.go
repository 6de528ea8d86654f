package hashivault

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/myswiftagent/myvault"
)

// Stats is how the token of a Store is doing.
type Stats struct {
	LogIns   uint64    // by AppRole, that Vault granted
	Renewals uint64    // that Vault granted
	Failures uint64    // log-ins and renewals that it did not, or that were not answered
	Failing  bool      // the last of them was one of these
	Expires  time.Time // of the token, as far as is known; zero: it lives for ever
}

// lifeline counts what becomes of the token.
type lifeline struct {
	logIns, renewals, failures atomic.Uint64
	failing                    atomic.Bool
	expires                    atomic.Int64 // Unix seconds; 0: never
}

// took takes the outcome of a log-in or a renewal.
func (l *lifeline) took(granted *atomic.Uint64, lease lease, err error) {
	l.failing.Store(err != nil)
	if err != nil {
		l.failures.Add(1)
		return
	}
	granted.Add(1)
	l.lives(lease)
}

// lives notes how long the token lives from now on.
func (l *lifeline) lives(lease lease) {
	if lease.ttl == 0 {
		l.expires.Store(0)
		return
	}
	l.expires.Store(time.Now().Add(lease.ttl).Unix())
}

// Stats gives the numbers of the moment, without asking Vault.
func (s *Store) Stats() Stats {
	l := &s.kv.keeper.life
	stats := Stats{LogIns: l.logIns.Load(), Renewals: l.renewals.Load(), Failures: l.failures.Load(), Failing: l.failing.Load()}
	if at := l.expires.Load(); at != 0 {
		stats.Expires = time.Unix(at, 0).UTC()
	}
	return stats
}

var _ myvault.Instrumented = (*Store)(nil)

// Metrics implements [myvault.Measured]: the Stats.
func (s *Store) Metrics(context.Context) []myvault.Metric {
	stats := s.Stats()
	failing, left := 0.0, -1.0
	if stats.Failing {
		failing = 1
	}
	if !stats.Expires.IsZero() {
		left = max(0, time.Until(stats.Expires).Seconds())
	}
	return []myvault.Metric{
		{Name: "vault_logins_total", Help: "Log-ins that HashiCorp Vault granted.", Counter: true, Value: float64(stats.LogIns)},
		{Name: "vault_renewals_total", Help: "Renewals of the token that HashiCorp Vault granted.", Counter: true, Value: float64(stats.Renewals)},
		{Name: "vault_login_failures_total", Help: "Log-ins and renewals that HashiCorp Vault did not grant.", Counter: true, Value: float64(stats.Failures)},
		{Name: "vault_login_failing", Help: "1 where the last log-in or renewal failed.", Value: failing},
		{Name: "vault_token_seconds", Help: "How long the token of HashiCorp Vault lives; -1: for ever.", Value: left},
	}
}
