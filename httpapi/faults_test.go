package httpapi_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/guard"
)

// faulty is a store and trail that can be made to fail.
type faulty struct {
	myvault.Provider
	record, get, apply, ping atomic.Pointer[func(context.Context) error]
	pings                    atomic.Int64
}

// faultyTrail is the trail of a store, in it or beside it.
type faultyTrail struct {
	myvault.Trail
	of *faulty
}

func newFaulty(t *testing.T) (store, *faulty) {
	t.Helper()
	s := newStore(t)
	f := &faulty{Provider: s.Provider}
	s.faults = true
	if ownTrail {
		s.Provider = struct {
			*faulty
			faultyTrail
		}{f, faultyTrail{s.Provider.(myvault.Trail), f}}
	} else {
		s.Provider, s.trail = f, faultyTrail{s.trail, f}
	}
	return s, f
}

func (f *faulty) Incarnation() string { return f.Provider.(myvault.Incarnation).Incarnation() }

// fails returns a fault that answers with err.
func fails(err error) *func(context.Context) error {
	f := func(context.Context) error { return err }
	return &f
}

// failsAfter returns a fault that begins after some calls.
func failsAfter(calls int) *func(context.Context) error {
	var made atomic.Int64
	f := func(context.Context) error {
		if made.Add(1) > int64(calls) {
			return errors.New("disk full")
		}
		return nil
	}
	return &f
}

func run(ctx context.Context, fault *atomic.Pointer[func(context.Context) error]) error {
	if f := fault.Load(); f != nil {
		return (*f)(ctx)
	}
	return nil
}

func (f faultyTrail) Record(ctx context.Context, entries ...myvault.Entry) error {
	if err := run(ctx, &f.of.record); err != nil {
		return err
	}
	return f.Trail.Record(ctx, entries...)
}

func (f *faulty) Get(ctx context.Context, addr myvault.Address, version myvault.Version) (myvault.Secret, error) {
	if err := run(ctx, &f.get); err != nil {
		return myvault.Secret{}, err
	}
	return f.Provider.Get(ctx, addr, version)
}

func (f *faulty) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	if err := run(ctx, &f.apply); err != nil {
		return nil, err
	}
	return f.Provider.Apply(ctx, c)
}

func (f *faulty) Ping(ctx context.Context) error {
	f.pings.Add(1)
	if err := run(ctx, &f.ping); err != nil {
		return err
	}
	return f.Provider.Ping(ctx)
}

func serveFaulty(t *testing.T) (*fixture, *faulty) {
	t.Helper()
	s, store := newFaulty(t)
	f := serveOn(t, s, httpapi.Config{})
	f.put(map[string]string{"newsbot/prod/db": canary, "newsbot/prod/key": canary})
	return f, store
}

func TestNothingIsReleasedWhenTheTrailFails(t *testing.T) {
	f, store := serveFaulty(t)
	store.record.Store(fails(errors.New("disk full")))
	for _, target := range []string{db, "/api/secrets/newsbot", "/api/secrets", "/api/projects", "/api/projects/newsbot", "/api/versions/newsbot/prod/db", "/api/audit"} {
		t.Run(target, func(t *testing.T) {
			is := is.New(t)
			for _, method := range []string{"GET", "HEAD"} {
				r := f.as("admin", method, target, "")
				is.Equal(r.status, 503)
				is.Equal(r.header.Get("Retry-After"), "1")
				is.Equal(r.header.Get("ETag"), "")
				is.True(!strings.Contains(fmt.Sprint(r), canary))
				if method == "GET" {
					checkProblem(is, r)
				}
			}
		})
	}
	is := is.New(t)
	is.True(strings.Contains(f.logs.String(), "disk full")) // the cause, for the operator
	store.record.Store(nil)
	is.Equal(f.as("admin", "GET", db, "").status, 200)
}

func TestABulkReadIsRecordedWholeBeforeTheFirstByte(t *testing.T) {
	is := is.New(t)
	f, store := serveFaulty(t)
	store.record.Store(failsAfter(1)) // the listing is recorded, the reads are not
	r := f.as("admin", "GET", "/api/secrets/newsbot", "")
	is.Equal(r.status, 503)
	is.True(!strings.Contains(r.body, canary))
	store.record.Store(nil)
	is.Equal(f.countReads(t), 0)
	is.Equal(f.as("admin", "GET", "/api/secrets/newsbot", "").status, 200)
	is.Equal(f.countReads(t), 2) // one entry a secret
}

func TestErrorsOfTheStore(t *testing.T) {
	for _, c := range []struct {
		err    error
		read   int
		change int
		retry  string
	}{
		{myvault.ErrUnavailable, 503, 503, "1"},
		{myvault.ErrClosed, 503, 503, "1"},
		{myvault.ErrTrail, 503, 503, "1"},
		{myvault.ErrUnknownOutcome, 503, 503, ""},
		{context.DeadlineExceeded, 503, 503, "1"},
		{context.Canceled, 503, 503, "1"},
		{myvault.ErrTampered, 500, 500, ""},
		{myvault.ErrWrongKey, 503, 503, "1"},
		{errors.New("disk on fire"), 500, 500, ""},
		{myvault.ErrDestroyed, 410, 410, ""},
		{myvault.ErrConflict, 409, 409, ""},
		{errors.ErrUnsupported, 501, 501, ""},
		{myvault.ErrTooLarge, 413, 413, ""},
		{fmt.Errorf("%w: %w", myvault.ErrUnknownOutcome, myvault.ErrNotFound), 503, 503, ""},
		{fmt.Errorf("%w: %w", myvault.ErrTrail, myvault.ErrInvalid), 503, 503, "1"},
	} {
		t.Run(c.err.Error(), func(t *testing.T) {
			is := is.New(t)
			f, store := serveFaulty(t)
			store.get.Store(fails(c.err))
			store.apply.Store(fails(c.err))
			r := f.as("admin", "GET", db, "")
			is.Equal(r.status, c.read)
			is.Equal(r.header.Get("Retry-After"), c.retry)
			checkProblem(is, r)
			is.True(!strings.Contains(r.body, "newsbot")) // no address
			is.True(!strings.Contains(r.body, "fire"))    // the client does not see an unexpected error
			r = f.as("admin", "PATCH", db, `{"value":"v"}`)
			is.Equal(r.status, c.change)
			checkProblem(is, r)
			if r.status >= 500 {
				is.True(strings.Contains(f.logs.String(), `"cause":`+quote(c.err.Error())))
			}
			is.True(!strings.Contains(f.logs.String(), "newsbot"))
		})
	}
}

func TestTamperingSendsTheClientToTheOperator(t *testing.T) {
	is := is.New(t)
	f, store := serveFaulty(t)
	store.get.Store(fails(myvault.ErrTampered))
	is.True(strings.Contains(f.as("admin", "GET", db, "").body, "operator"))
}

func TestAPanicIs500AndTellsNothing(t *testing.T) {
	is := is.New(t)
	f, store := serveFaulty(t)
	explode := func(context.Context) error { panic("with " + canary) }
	store.get.Store(&explode)
	r := f.as("admin", "GET", db, "")
	is.Equal(r.status, 500)
	checkProblem(is, r)
	is.True(!strings.Contains(fmt.Sprint(r), canary))
	is.True(!strings.Contains(f.logs.String(), canary))
	is.True(strings.Contains(f.logs.String(), "panic of type string"))
	overrun := func(context.Context) error { return []error{}[len(store.Incarnation())] }
	store.get.Store(&overrun)
	is.Equal(f.as("admin", "GET", db, "").status, 500)
	is.True(strings.Contains(f.logs.String(), "index out of range"))
	store.get.Store(nil)
	is.Equal(f.as("admin", "GET", db, "").status, 200) // and the server goes on
}

func TestAnAbortedHandlerStaysAborted(t *testing.T) {
	is := is.New(t)
	f, store := serveFaulty(t)
	abort := func(context.Context) error { panic(http.ErrAbortHandler) } // as a proxy behind the vault would
	store.get.Store(&abort)
	r := newRequest("GET", db)
	r.Header.Set("X-Service", "admin")
	r.Header.Set("X-Token", adminToken)
	defer func() { is.Equal(recover(), http.ErrAbortHandler) }()
	record(f.handler, r)
	t.Fatal("the panic was swallowed")
}

// TestAClientThatLeavesIsNotToldOfSuccess: one that closes only its own direction cancels the
// request and still reads the answer.
func TestAClientThatLeavesIsNotToldOfSuccess(t *testing.T) {
	is := is.New(t)
	f, store := serveFaulty(t)
	wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	store.get.Store(&wait)
	ctx, leave := context.WithCancel(t.Context())
	r := newRequest("GET", db).WithContext(ctx)
	r.Header.Set("X-Service", "admin")
	r.Header.Set("X-Token", adminToken)
	leave()
	w := record(f.handler, r)
	is.Equal(w.Code, 503)
	is.True(strings.Contains(w.Body.String(), "nothing was changed"))
	is.True(strings.Contains(f.logs.String(), `"status":499`))
}

// TestAHalfClosedConnectionIsToldThatNothingChanged over a real socket.
func TestAHalfClosedConnectionIsToldThatNothingChanged(t *testing.T) {
	is := is.New(t)
	f, store := serveFaulty(t)
	wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	store.get.Store(&wait)
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	is.NoErr(err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Service: admin\r\nX-Token: %s\r\nConnection: close\r\n\r\n", db, adminToken)
	is.NoErr(err)
	is.NoErr(conn.(*net.TCPConn).CloseWrite())
	text, err := io.ReadAll(conn)
	is.NoErr(err)
	is.True(strings.HasPrefix(string(text), "HTTP/1.1 503 "))
}

func TestHistoryThatCannotBeReadAfterAChangeIsAnUnknownOutcome(t *testing.T) {
	is := is.New(t)
	f, store := serveFaulty(t)
	f.must(204, "DELETE", db, "")
	written := 0 // entries that are not in the commit of a change
	if !ownTrail {
		written = perChange
	}
	store.record.Store(failsAfter(written))
	r := f.as("admin", "POST", "/api/versions/newsbot/prod/db", `{"op":"undelete"}`)
	is.Equal(r.status, 503)
	is.True(strings.Contains(r.body, "read before you retry"))
	store.record.Store(nil)
	is.Equal(f.as("admin", "GET", db, "").status, 200) // it was made
}

func TestHealthTellsWhetherTheStoreAnswers(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	f, store := serveFaulty(t)
	store.ping.Store(fails(myvault.ErrUnavailable))
	for range 100 {
		r := f.do("GET", "/health", "")
		is.Equal(r.status, 503)
		is.Equal(r.body, `{"status":"unhealthy","service":"myVault"}`)
		checkHeaders(is, r)
	}
	is.True(store.pings.Load() < 20) // a flood does not reach the store
	is.True(strings.Contains(f.logs.String(), "store does not answer"))
	store.ping.Store(nil)
	is.True(eventually(func() bool { return f.do("GET", "/health", "").status == 200 }))
}

func TestHealthDoesNotWaitForAStoreThatHangs(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	f, store := serveFaulty(t)
	release := make(chan struct{})
	hang := func(context.Context) error { <-release; return nil } // deaf to its context
	store.ping.Store(&hang)
	done := make(chan int)
	for range 10 {
		go func() { done <- f.do("GET", "/health", "").status }()
	}
	for range 10 {
		is.Equal(<-done, 503)
	}
	is.Equal(store.pings.Load(), int64(1))
	close(release)
	is.True(eventually(func() bool { return f.do("GET", "/health", "").status == 200 }))
}

// eventually waits up to ten seconds for a condition.
func eventually(good func() bool) bool {
	for range 200 {
		if good() {
			return true
		}
		time.Sleep(50 * time.Millisecond)
	}
	return false
}

func TestAClosedVaultIsUnhealthyAndAnswers503(t *testing.T) {
	is := is.New(t)
	f := serveOn(t, newStore(t), httpapi.Config{Guard: newGuard(t, guard.Config{FailuresPerMinute: 1})})
	is.NoErr(f.vault.Close())
	is.Equal(f.do("GET", "/health", "").status, 503)
	for range 3 { // these are not failed log-ins
		r := f.as("admin", "GET", db, "")
		is.Equal(r.status, 503)
		checkProblem(is, r)
	}
	is.Equal(f.do("GET", "/", "").status, 200)
}
