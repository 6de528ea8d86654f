package due_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/due"
	"github.com/myswiftagent/myvault/providers/memory"
)

var db = myvault.Address{Project: "newsbot", Path: "prod/db"}

// policy returns a policy in which root may do everything, and part may list some secrets.
func policy(t *testing.T) *myvault.Policy {
	t.Helper()
	p, err := myvault.ParsePolicy(map[string]string{
		"ALLOWED_SERVICES": "root,part", "TOKEN_root": "root-token-0123456789", "TOKEN_part": "part-token-0123456789",
		"ALLOW_root": "*/@read+write+delete+list+destroy+audit", "ALLOW_part": "newsbot/prod/@list",
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func vaultOn(t *testing.T, provider myvault.Provider, trail myvault.Trail) *myvault.Vault {
	t.Helper()
	v, err := myvault.New(provider, policy(t), myvault.Config{Trail: trail})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// put writes a version that is due for rotation, and expires, after these times; zero: never.
func put(t *testing.T, v *myvault.Vault, addr myvault.Address, rotate, expire time.Duration) {
	t.Helper()
	d := myvault.NewVersion{Value: myvault.Text("v")}
	if rotate != 0 {
		d.RotateAfter = time.Now().Add(rotate)
	}
	if expire != 0 {
		d.Expires = time.Now().Add(expire)
	}
	if _, err := v.As("root").PutVersion(t.Context(), addr, d); err != nil {
		t.Fatal(err)
	}
}

// notices collects notices. The first fail calls return an error.
type notices struct {
	mu     sync.Mutex
	all    []due.Notice
	at     []time.Time
	fail   int
	errors []error
}

func (l *notices) notify(_ context.Context, n due.Notice) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all, l.at = append(l.all, n), append(l.at, time.Now())
	if len(l.all) <= l.fail {
		return errors.New("not today")
	}
	return nil
}

func (l *notices) onError(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errors = append(l.errors, err)
}

// lines returns the notices as text, such as "expired newsbot/prod/db 1".
func (l *notices) lines() (lines []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.all {
		lines = append(lines, fmt.Sprintf("%s %s %d", n.Kind, n.Secret.Address, n.Secret.Version))
	}
	return lines
}

func start(t *testing.T, v *myvault.Vault, service string, l *notices) *due.Watcher {
	t.Helper()
	w, err := due.Start(v, v.As(service), due.Config{Notify: l.notify, OnError: l.onError})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// events returns the events in the trail, sorted.
func events(t *testing.T, v *myvault.Vault) (lines []string) {
	t.Helper()
	for _, kind := range []due.Kind{due.Expired, due.Rotation} {
		for e, err := range v.As("root").Trail(t.Context(), myvault.TrailFilter{Action: string(kind), Outcome: myvault.OutcomeOK}) {
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, fmt.Sprintf("%s %s by %s via %s", e.Action, e.Address, e.Service, e.Via))
		}
	}
	slices.Sort(lines)
	return lines
}

// A notice comes once, at the time it is due, not at the next regular scan.
func TestNoticeComesOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		v := vaultOn(t, memory.New(memory.Config{}), nil)
		defer v.Close()
		var l notices
		w := start(t, v, "root", &l)
		begin := time.Now()
		put(t, v, db, 10*time.Hour+17*time.Second, 20*time.Hour)
		put(t, v, myvault.Address{Project: "newsbot", Path: "prod/never"}, 0, 0)
		time.Sleep(10 * time.Hour)
		is.Equal(l.lines(), nil) // nothing before its time
		time.Sleep(30 * time.Hour)
		is.Equal(l.lines(), []string{"rotation-due newsbot/prod/db 1", "expired newsbot/prod/db 1"})
		is.Equal(l.at[0].Sub(begin), 10*time.Hour+17*time.Second)
		is.Equal(l.at[1].Sub(begin), 20*time.Hour)
		is.Equal(l.all[0].Due, l.at[0].UTC())
		is.Equal(l.all[0].Attempt, 1)
		is.True(l.all[0].ID != l.all[1].ID && len(l.all[0].ID) == 32)
		is.NoErr(w.Close())
		is.NoErr(w.Close())
		is.Equal(events(t, v), []string{"expired .due/expired-1/newsbot/prod/db by root via due", "rotation-due .due/rotation-due-1/newsbot/prod/db by root via due"})
		is.Equal(l.errors, nil)
	})
}

// Restarts and concurrent watchers repeat no notice.
func TestOnceOverRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		v := vaultOn(t, memory.New(memory.Config{}), nil)
		defer v.Close()
		const secrets = 20
		for i := range secrets {
			put(t, v, myvault.Address{Project: "newsbot", Path: fmt.Sprintf("prod/%d", i)}, time.Duration(i+1)*time.Minute, 0)
		}
		var l notices
		for range 10 {
			watchers := []*due.Watcher{start(t, v, "root", &l), start(t, v, "root", &l), start(t, v, "root", &l)}
			time.Sleep(5 * time.Minute)
			for _, w := range watchers {
				is.NoErr(w.Close())
			}
		}
		lines := l.lines()
		slices.Sort(lines)
		is.Equal(len(lines), secrets)
		is.Equal(len(slices.Compact(lines)), secrets) // no notice was repeated
		is.Equal(len(events(t, v)), secrets)
	})
}

// A failed call is repeated with the same ID. There is still one event.
func TestFailedCallIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		v := vaultOn(t, memory.New(memory.Config{}), nil)
		defer v.Close()
		l := notices{fail: 2}
		put(t, v, db, -time.Second, 0)
		w := start(t, v, "root", &l)
		time.Sleep(time.Hour)
		is.NoErr(w.Close())
		is.Equal(len(l.all), 3)
		is.Equal([]int{l.all[0].Attempt, l.all[1].Attempt, l.all[2].Attempt}, []int{1, 2, 3})
		is.True(l.all[0].ID == l.all[1].ID && l.all[1].ID == l.all[2].ID)
		is.True(l.at[1].Sub(l.at[0]) >= time.Minute) // not before Config.Retry
		is.Equal(len(events(t, v)), 1)
		is.Equal(len(l.errors), 2)
	})
}

// A watcher sees the secrets that its session may list and its prefix selects.
func TestRightsAndPrefix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		v := vaultOn(t, memory.New(memory.Config{}), nil)
		defer v.Close()
		for _, path := range []string{"dev/a", "prod/a", "prod/b/c"} {
			put(t, v, myvault.Address{Project: "newsbot", Path: path}, -time.Second, 0)
		}
		var part, prefixed, stranger notices
		watchers := []*due.Watcher{start(t, v, "stranger", &stranger)}
		time.Sleep(time.Second)
		w, err := due.Start(v, v.As("root"), due.Config{Notify: prefixed.notify, Prefix: myvault.Prefix{Project: "newsbot", Path: "prod/b/"}})
		is.NoErr(err)
		time.Sleep(time.Second)
		watchers = append(watchers, w, start(t, v, "part", &part))
		time.Sleep(time.Second)
		for _, w := range watchers {
			is.NoErr(w.Close())
		}
		is.Equal(stranger.lines(), nil)
		is.Equal(prefixed.lines(), []string{"rotation-due newsbot/prod/b/c 1"})
		is.Equal(part.lines(), []string{"rotation-due newsbot/prod/a 1"})
	})
}

func TestStartRefuses(t *testing.T) {
	is := is.New(t)
	v := vaultOn(t, memory.New(memory.Config{}), nil)
	defer v.Close()
	s, notify := v.As("root"), func(context.Context, due.Notice) error { return nil }
	for _, try := range []func() (*due.Watcher, error){
		func() (*due.Watcher, error) { return due.Start(nil, s, due.Config{Notify: notify}) },
		func() (*due.Watcher, error) { return due.Start(v, nil, due.Config{Notify: notify}) },
		func() (*due.Watcher, error) { return due.Start(v, s, due.Config{}) },
		func() (*due.Watcher, error) { return due.Start(v, s, due.Config{Notify: notify, Scan: -1}) },
		func() (*due.Watcher, error) {
			return due.Start(v, s, due.Config{Notify: notify, Prefix: myvault.Prefix{Path: "x"}})
		},
	} {
		w, err := try()
		is.True(errors.Is(err, myvault.ErrInvalid))
		is.True(w == nil)
	}
}

// After a long call the watcher scans again, because secrets may have changed.
func TestStaleListingIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		v := vaultOn(t, memory.New(memory.Config{}), nil)
		defer v.Close()
		other := myvault.Address{Project: "newsbot", Path: "prod/other"}
		put(t, v, db, -time.Second, 0)
		put(t, v, other, -time.Second, 0)
		var l notices
		w, err := due.Start(v, v.As("root"), due.Config{Lease: 3 * time.Hour, Notify: func(ctx context.Context, n due.Notice) error {
			if n.Secret.Address == db {
				time.Sleep(2 * time.Hour)
			}
			return l.notify(ctx, n)
		}})
		is.NoErr(err)
		time.Sleep(time.Hour)
		put(t, v, other, 0, 0)
		time.Sleep(5 * time.Hour)
		is.NoErr(w.Close())
		is.Equal(l.lines(), []string{"rotation-due newsbot/prod/db 1"})
		is.Equal(len(events(t, v)), 1)
	})
}
