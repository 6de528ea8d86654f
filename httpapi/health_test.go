package httpapi_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/internal/servertest"
)

// TestTheFirstWhoAsksMayLeave: the question was also that of those who came behind.
func TestTheFirstWhoAsksMayLeave(t *testing.T) {
	testLarge(t, func(is *is.I, l largeBodies) {
		release := make(chan struct{})
		answers := func(ctx context.Context) error {
			select {
			case <-release:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		l.store.ping.Store(&answers)
		ctx, leave := context.WithCancel(l.t.Context())
		first, second := make(chan int), make(chan int)
		go func() { first <- record(l.handler, newRequest("GET", "/health").WithContext(ctx)).Code }()
		synctest.Wait()
		go func() { second <- record(l.handler, newRequest("GET", "/health")).Code }()
		synctest.Wait()
		leave()
		is.Equal(<-first, 503)
		synctest.Wait()
		close(release)
		is.Equal(<-second, 200)
	})
}

// TestAnOutageIsOneLine in the log for any number of probes. The next outage is another line.
func TestAnOutageIsOneLine(t *testing.T) {
	testLarge(t, func(is *is.I, l largeBodies) {
		policy, err := myvault.ParsePolicy(settings)
		is.NoErr(err)
		vault, err := myvault.New(l.store, policy, myvault.Config{Trail: myvault.NoTrail{}})
		is.NoErr(err)
		logs := &servertest.Log{}
		handler, err := httpapi.New(vault, httpapi.Config{Logger: slog.New(slog.NewTextHandler(logs, nil))})
		is.NoErr(err)
		ask := func(status int) {
			for range 5 {
				is.Equal(record(handler, newRequest("GET", "/health")).Code, status)
				time.Sleep(2 * time.Second) // by the clock of the bubble
			}
		}
		for outage := range 2 {
			l.store.ping.Store(fails(myvault.ErrUnavailable))
			ask(503)
			is.Equal(strings.Count(logs.String(), "store does not answer"), outage+1)
			l.store.ping.Store(nil)
			ask(200)
		}
	})
}

// TestReady is for load balancers. It differs from /health while the server drains.
func TestReady(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	r := f.do("GET", "/ready", "")
	is.Equal(r.status, 200)
	is.Equal(r.body, `{"status":"ready"}`)
	f.handler.Drain()
	r = f.do("GET", "/ready", "")
	is.Equal(r.status, 503)
	is.Equal(r.body, `{"status":"not ready"}`)
	is.Equal(f.do("GET", "/health", "").status, 200)               // it works all the same
	is.True(!strings.Contains(f.logs.String(), `"level":"ERROR"`)) // it is meant
}

// TestNotReadyWithoutServices, since no caller could use it.
func TestNotReadyWithoutServices(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	nobody, err := myvault.NewPolicy()
	is.NoErr(err)
	f.vault.SetPolicy(nobody)
	is.Equal(f.do("GET", "/ready", "").status, 503)
	is.Equal(f.do("GET", "/health", "").status, 200)
}
