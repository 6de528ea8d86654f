package hashivault

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/myswiftagent/myvault"
)

// Stats describes the token of a Store.
type Stats struct {
	LogIns   uint64    // by AppRole, that Vault granted
	Renewals uint64    // that Vault granted
	Failures uint64    // log-ins and renewals that were refused or not answered
	Failing  bool      // the last log-in or renewal failed
	Expires  time.Time // of the token, as far as is known; zero: never
}

// tokenStats counts log-ins and renewals.
type tokenStats struct {
	logIns, renewals, failures atomic.Uint64
	failing                    atomic.Bool
	expires                    atomic.Int64 // Unix seconds; 0: never
}

// record counts a log-in or a renewal.
func (t *tokenStats) record(granted *atomic.Uint64, l lease, err error) {
	t.failing.Store(err != nil)
	if err != nil {
		t.failures.Add(1)
		return
	}
	granted.Add(1)
	t.setExpiry(l)
}

// setExpiry records how long the token lives from now on.
func (t *tokenStats) setExpiry(l lease) {
	if l.ttl == 0 {
		t.expires.Store(0)
		return
	}
	t.expires.Store(time.Now().Add(l.ttl).Unix())
}

// Stats returns the current numbers, without asking Vault.
func (s *Store) Stats() Stats {
	t := &s.kv.tokens.stats
	stats := Stats{LogIns: t.logIns.Load(), Renewals: t.renewals.Load(), Failures: t.failures.Load(), Failing: t.failing.Load()}
	if at := t.expires.Load(); at != 0 {
		stats.Expires = time.Unix(at, 0).UTC()
	}
	return stats
}

var _ myvault.Instrumented = (*Store)(nil)

// Metrics implements [myvault.Instrumented] with the Stats.
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
		{Name: "vault_login_failing", Help: "1 if the last log-in or renewal failed.", Value: failing},
		{Name: "vault_token_seconds", Help: "How long the token of HashiCorp Vault lives; -1: without a limit.", Value: left},
	}
}
