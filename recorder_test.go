package myvault_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
)

// entriesOf returns the trail, oldest first, as short lines, without the entry of this call.
func entriesOf(t testing.TB, v *myvault.Vault) (lines []string) {
	t.Helper()
	for e, err := range v.As("root").Trail(t.Context(), myvault.TrailFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Action != "audit" {
			lines = append([]string{fmt.Sprintf("%s %s %s %s v%d %s x%d", e.Chain, e.Service, e.Action, e.Address, e.Version, e.Outcome, e.Count)}, lines...)
		}
	}
	return lines
}

func TestWhatEntersTheTrail(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	synctest.Test(t, func(t *testing.T) {
		v := openVault(t, myvault.Config{})
		s := v.As("root").Via("header", "req-1")
		tick := func() { time.Sleep(time.Minute) } // one time for each entry, no merging
		put := func(conditions ...myvault.Condition) {
			tick()
			_, _ = s.Put(ctx, db, myvault.Text(canary), conditions...)
		}
		put()
		put(myvault.IfAbsent())
		tick()
		_, _ = s.Get(ctx, db)
		tick()
		_, _ = v.As("svc").Get(ctx, myvault.Address{Project: "billing", Path: "x"})
		tick()
		_, _ = v.As("svc").Get(ctx, myvault.Address{Project: "newsbot", Path: "prod/none"})
		tick()
		_, _ = v.Login(ctx, myvault.Credentials{Service: "token-in-the-wrong-place", Token: canary, Remote: "192.0.2.1"})
		tick()
		_, _ = v.Login(ctx, myvault.Credentials{Service: "svc", Token: canary, Remote: "192.0.2.1"})
		tick()
		_ = s.Delete(ctx, db)
		tick()
		_, _ = s.Undelete(ctx, db)
		tick()
		_ = s.Destroy(ctx, db, 1)
		tick()
		_ = first(s.List(ctx, myvault.ListOptions{Prefix: myvault.Prefix{Project: "newsbot", Path: "prod/"}}))
		tick()
		_ = s.DeleteProject(ctx, "newsbot")

		is.Equal(entriesOf(t, v), []string{
			"changes root write newsbot/prod/db v1 ok x1",
			"access root write newsbot/prod/db v0 refused x1",
			"access root read newsbot/prod/db v1 ok x1",
			"access svc read billing/x v0 denied x1",
			"access svc read newsbot/prod/none v0 not_found x1",
			"access  login  v0 unauthenticated x1", // the name of the service may be a token
			"access svc login  v0 unauthenticated x1",
			"changes root delete newsbot/prod/db v1 ok x1",
			"changes root undelete newsbot/prod/db v1 ok x1",
			"changes root destroy newsbot/prod/db v1 ok x1",
			"access root list newsbot/prod/ v0 ok x1",
			"changes root project-delete newsbot v0 ok x1",
		})
		for e, err := range v.As("root").Trail(ctx, myvault.TrailFilter{}) {
			is.NoErr(err)
			if e.Service == "root" && e.Via != "embedded" {
				is.Equal(e.Via+" "+e.Request, "header req-1")
			}
			is.True(e.Action != "login" || e.Remote == "192.0.2.1")
		}
	})
}

// brokenTrail is a provider that is no trail, with a trail beside it that can fail.
type brokenTrail struct {
	fails   atomic.Bool
	failing atomic.Pointer[func()] // called once, inside a Record that fails
	mu      sync.Mutex
	list    []myvault.Entry
}

func (b *brokenTrail) recorded() []myvault.Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.list)
}

var errDiskFull = errors.New("disk full")

func (b *brokenTrail) Record(_ context.Context, entries ...myvault.Entry) error {
	if b.fails.Load() {
		if inside := b.failing.Swap(nil); inside != nil {
			(*inside)()
		}
		return errDiskFull
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = append(b.list, entries...)
	return nil
}

func (b *brokenTrail) Entries(context.Context, myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
	return func(func(myvault.Entry, error) bool) {}
}

func TestNoEntryNoValueNoChange(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	trail := &brokenTrail{}
	provider := memory.New(memory.Config{})
	v := vaultOf(t, struct{ myvault.Provider }{provider}, myvault.Config{Trail: trail})
	s := v.As("root")
	_, err := s.Put(ctx, db, myvault.Text(canary))
	is.NoErr(err)

	trail.fails.Store(true)
	secret, err := s.Get(ctx, db)
	is.True(errors.Is(err, myvault.ErrTrail))
	is.True(errors.Is(err, errDiskFull)) // the cause is there for the log
	is.Equal(secret.Value.Len(), 0)      // no entry, no value
	page, err := s.GetPage(ctx, myvault.ListOptions{}, 10)
	is.True(errors.Is(err, myvault.ErrTrail))
	is.Equal(len(page.Items), 0)
	is.True(errors.Is(first(s.List(ctx, myvault.ListOptions{})), myvault.ErrTrail))
	_, err = s.Put(ctx, db, myvault.Text("two"))
	is.True(errors.Is(err, myvault.ErrTrail))
	is.True(errors.Is(s.Delete(ctx, db), myvault.ErrTrail))
	_, err = v.As("svc").Get(ctx, myvault.Address{Project: "billing", Path: "x"})
	is.True(errors.Is(err, myvault.ErrDenied)) // a denial stays one

	trail.fails.Store(false)
	secret, err = s.Get(ctx, db)
	is.NoErr(err)
	is.Equal(secret.Version, myvault.Version(1)) // no entry, no change
}

func TestChangesBesideATrail(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	trail := &brokenTrail{}
	v := vaultOf(t, struct{ myvault.Provider }{memory.New(memory.Config{})}, myvault.Config{Trail: trail})
	_, err := v.As("root").Put(ctx, db, myvault.Text("v"))
	is.NoErr(err)
	_, err = v.As("root").Put(ctx, db, myvault.Text("v"), myvault.IfAbsent())
	is.True(errors.Is(err, myvault.ErrExists))
	var got []string
	for _, e := range trail.recorded() {
		got = append(got, fmt.Sprint(e.Action, " ", e.Outcome, " ", e.Version))
	}
	is.Equal(got, []string{"write begun 0", "write ok 1", "write begun 0", "write refused 0"})
}

func TestReadsOff(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{Reads: myvault.ReadsOff})
	s := v.As("root")
	_, err := s.Put(t.Context(), db, myvault.Text("v"))
	is.NoErr(err)
	_, err = s.Get(t.Context(), db)
	is.NoErr(err)
	_, err = v.As("svc").Get(t.Context(), myvault.Address{Project: "billing", Path: "x"})
	is.True(errors.Is(err, myvault.ErrDenied))
	is.Equal(entriesOf(t, v), []string{
		"changes root write newsbot/prod/db v1 ok x1",
		"access svc read billing/x v0 denied x1", // denials are always recorded
	})
}

func TestFloodOfDenialsIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		ctx := t.Context()
		v := openVault(t, myvault.Config{})
		for range 10_000 {
			_, err := v.As("svc").Get(ctx, myvault.Address{Project: "billing", Path: "x"})
			is.True(errors.Is(err, myvault.ErrDenied))
		}
		is.Equal(entriesOf(t, v), []string{"access svc read billing/x v0 denied x1"}) // the first at once
		time.Sleep(2 * time.Second)
		synctest.Wait()
		is.Equal(entriesOf(t, v), []string{
			"access svc read billing/x v0 denied x1",
			"access svc read billing/x v0 denied x9999",
		})
	})
}

func TestFloodOfDifferentDenialsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		ctx := t.Context()
		v := openVault(t, myvault.Config{})
		const flood = 10_000
		for i := range flood {
			_, err := v.As("svc").Get(ctx, myvault.Address{Project: "billing", Path: fmt.Sprint(i)})
			is.True(errors.Is(err, myvault.ErrDenied))
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		is.True(len(entriesOf(t, v)) <= 260)              // bounded
		is.Equal(outcomes(t, v)["denied"], uint64(flood)) // and none is uncounted
	})
}

// TestAFloodHidesNobodyElse: refusals of other services in the same second keep their addresses.
func TestAFloodHidesNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		ctx := t.Context()
		v := openVault(t, myvault.Config{})
		for i := range 1000 {
			_, err := v.As("noisy").Get(ctx, myvault.Address{Project: "billing", Path: fmt.Sprint(i)})
			is.True(errors.Is(err, myvault.ErrDenied))
			_, err = v.Login(ctx, myvault.Credentials{Service: "svc", Token: "wrong", Remote: fmt.Sprint("10.0.0.", i)})
			is.True(errors.Is(err, myvault.ErrUnauthenticated))
		}
		for i := range 50 {
			_, err := v.As("svc").Get(ctx, myvault.Address{Project: "billing", Path: fmt.Sprint("probe/", i)})
			is.True(errors.Is(err, myvault.ErrDenied))
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		probes, with := 0, map[string]int{}
		for e, err := range v.As("root").Trail(ctx, myvault.TrailFilter{}) {
			is.NoErr(err)
			if strings.HasPrefix(e.Address.Path, "probe/") {
				probes++
			} else if e.Address != (myvault.Address{}) || e.Remote != "" {
				with[e.Service]++
			}
		}
		is.Equal(probes, 50)
		is.Equal(with["noisy"], 64) // its share
		is.Equal(with["svc"], 64)   // that of all strangers
		is.Equal(outcomes(t, v)["denied"], uint64(1050))
		is.Equal(outcomes(t, v)["unauthenticated"], uint64(1000))
		// The next second is another one.
		_, err := v.As("noisy").Get(ctx, myvault.Address{Project: "billing", Path: "later"})
		is.True(errors.Is(err, myvault.ErrDenied))
		is.True(strings.Contains(entriesOf(t, v)[len(entriesOf(t, v))-1], "noisy read billing/later"))
	})
}
