package myvault_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
)

// watching is a watch that a test pulls from.
type watching struct {
	t    testing.TB
	pull func() (myvault.Event, error, bool)
}

// watch starts a watch that ends with the test, and reads its first event, a bookmark.
func watch(t testing.TB, s *myvault.Session, r myvault.WatchOptions) (*watching, myvault.Position) {
	t.Helper()
	pull, stop := iter.Pull2(s.Watch(t.Context(), r))
	t.Cleanup(stop)
	w := &watching{t, pull}
	e := w.event()
	if len(e.Changes) != 0 || e.Position == "" {
		t.Fatalf("the first event is no bookmark: %v", e)
	}
	return w, e.Position
}

func (w *watching) event() myvault.Event {
	w.t.Helper()
	e, err, ok := w.pull()
	if err != nil || !ok {
		w.t.Fatal("the watch has ended", err)
	}
	return e
}

// end reads the error with which the watch ends.
func (w *watching) end() error {
	w.t.Helper()
	e, err, ok := w.pull()
	if err == nil || !ok {
		w.t.Fatalf("the watch goes on: %v", e)
	}
	if _, _, more := w.pull(); more {
		w.t.Fatal("the watch goes on after its error")
	}
	return err
}

// changes returns the changes of an event as text.
func changes(e myvault.Event) string {
	var all []string
	for _, c := range e.Changes {
		all = append(all, c.String())
	}
	return strings.Join(all, ", ")
}

func putOf(addr string) myvault.Change {
	project, path, _ := strings.Cut(addr, "/")
	return myvault.Change{Op: myvault.OpPut, Address: myvault.Address{Project: project, Path: path}, Value: myvault.Text(canary)}
}

func mustApply(t testing.TB, v *myvault.Vault, changes ...myvault.Change) {
	t.Helper()
	if _, err := v.As("root").Apply(t.Context(), changes...); err != nil {
		t.Fatal(err)
	}
}

func TestWatchYieldsEachCommit(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	w, _ := watch(t, v.As("svc"), myvault.WatchOptions{Prefix: myvault.Prefix{Project: "newsbot"}})
	before := time.Now().Add(-time.Millisecond)
	mustApply(t, v, putOf("newsbot/prod/db"))
	e := w.event()
	is.Equal(changes(e), "newsbot/prod/db version 1 live")
	is.Equal(e.By, "root")
	is.True(e.At.After(before) && !e.At.After(time.Now()))
	is.True(!strings.Contains(fmt.Sprintf("%+v", e), canary)) // no value

	mustApply(t, v, putOf("newsbot/prod/a"), putOf("newsbot/dev/hidden"), putOf("rag/prod/other"), putOf("newsbot/prod/db"))
	mustApply(t, v, putOf("newsbot/dev/hidden"))
	mustApply(t, v, myvault.Change{Op: myvault.OpDelete, Address: db})
	mustApply(t, v, myvault.Change{Op: myvault.OpUndelete, Address: db})
	mustApply(t, v, myvault.Change{Op: myvault.OpPutProject, Project: myvault.Project{Name: "newsbot"}})
	mustApply(t, v, myvault.Change{Op: myvault.OpDestroy, Address: db, Versions: []myvault.Version{1}})
	for _, want := range []string{
		"newsbot/prod/a version 1 live, newsbot/prod/db version 2 live",
		"newsbot/prod/db version 2 deleted", "newsbot/prod/db version 2 live", "newsbot/prod/db version 1 destroyed",
	} {
		is.Equal(changes(w.event()), want)
	}
}

func TestWatchResumesExactly(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	w, start := watch(t, v.As("root"), myvault.WatchOptions{})
	positions := []myvault.Position{start}
	for n := range 10 {
		mustApply(t, v, putOf("newsbot/prod/db"), putOf(fmt.Sprint("newsbot/prod/", n)))
		positions = append(positions, w.event().Position)
	}
	for i, after := range positions {
		var got []string
		for e, err := range v.As("root").Watch(t.Context(), myvault.WatchOptions{After: after}) {
			is.NoErr(err)
			if len(e.Changes) == 0 {
				is.Equal(e.Position, positions[10]) // a bookmark after all that was missed
				break
			}
			got = append(got, changes(e))
		}
		is.Equal(len(got), 10-i)
		for j, text := range got {
			n := i + j
			is.Equal(text, fmt.Sprintf("newsbot/prod/db version %d live, newsbot/prod/%d version 1 live", n+1, n))
		}
	}
}

func TestStalePositions(t *testing.T) {
	is := is.New(t)
	provider := memory.New(memory.Config{MaxEntries: 10})
	v := vaultOf(t, provider, myvault.Config{})
	_, old := watch(t, v.As("root"), myvault.WatchOptions{})
	slow, _ := watch(t, v.As("root"), myvault.WatchOptions{})
	for range 10 {
		mustApply(t, v, putOf("newsbot/prod/db"))
	}
	is.NoErr(first(v.As("root").Watch(t.Context(), myvault.WatchOptions{After: old})))
	for range 10 {
		mustApply(t, v, putOf("newsbot/prod/db"))
	}
	is.True(errors.Is(slow.end(), myvault.ErrStalePosition)) // a reader that is too slow
	other := memory.New(memory.Config{}).Incarnation()
	for name, after := range map[string]myvault.Position{
		"too old": old, "of another store": myvault.PositionAfter(other, 20), "not yet": myvault.PositionAfter(v.Incarnation(), 21),
		"malformed": "x", "negative": myvault.Position(v.Incarnation() + "--1"), "no number": myvault.Position(v.Incarnation() + "-"),
	} {
		err := first(v.As("root").Watch(t.Context(), myvault.WatchOptions{After: after}))
		if !errors.Is(err, myvault.ErrStalePosition) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Rights are asked when an event is delivered, not when the change was made or the watch began.
func TestWatchAsksAtDelivery(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	w, _ := watch(t, v.As("svc"), myvault.WatchOptions{})
	mustApply(t, v, putOf("newsbot/prod/a"))
	mustApply(t, v, putOf("newsbot/dev/b"))
	p, err := myvault.NewPolicy(
		myvault.Service{Name: "root", Allow: rules(t, "*/")}, myvault.Service{Name: "svc", Allow: rules(t, "newsbot/dev/")})
	is.NoErr(err)
	is.NoErr(v.SetPolicy(p))
	is.Equal(changes(w.event()), "newsbot/dev/b version 1 live")
}

func TestPolicyEndsIdleWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		v := openVault(t, myvault.Config{})
		s, err := v.Login(t.Context(), myvault.Credentials{Service: "svc", Token: "svc-token-0123456789"})
		is.NoErr(err)
		withdrawn, _ := watch(t, s, myvault.WatchOptions{BookmarkInterval: 1000 * time.Hour})
		denied, _ := watch(t, v.As("svc"), myvault.WatchOptions{BookmarkInterval: 1000 * time.Hour})
		p, err := myvault.NewPolicy(myvault.Service{Name: "root", Allow: rules(t, "*/")}, myvault.Service{
			Name: "svc", Tokens: []string{"svc-token-new-0123456789"}, Allow: rules(t, "newsbot/prod/@read")})
		is.NoErr(err)
		began := time.Now()
		is.NoErr(v.SetPolicy(p))
		is.True(errors.Is(withdrawn.end(), myvault.ErrUnauthenticated))
		is.True(errors.Is(denied.end(), myvault.ErrDenied))
		is.Equal(time.Since(began), time.Duration(0)) // at once
	})
}

// A record of an extension, such as that of a revoked token, may end a session.
func TestRecordEndsIdleWatch(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	x := extensionOf(t, v)
	s, err := x.Resume("svc", "embedded", func(ctx context.Context) error {
		if _, err := x.GetRecord(ctx, "revoked"); err == nil {
			return myvault.ErrUnauthenticated
		}
		return nil
	})
	is.NoErr(err)
	w, _ := watch(t, s, myvault.WatchOptions{})
	_, err = x.PutRecord(t.Context(), v.As("root"), "other", myvault.Text("x"))
	is.NoErr(err)
	mustApply(t, v, putOf("newsbot/prod/db"))
	is.Equal(changes(w.event()), "newsbot/prod/db version 1 live") // and no record
	_, err = x.PutRecord(t.Context(), v.As("root"), "revoked", myvault.Text("x"))
	is.NoErr(err)
	is.True(errors.Is(w.end(), myvault.ErrUnauthenticated))
}

func TestCloseEndsWatch(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	w, _ := watch(t, v.As("svc"), myvault.WatchOptions{})
	closed := make(chan error)
	go func() { closed <- v.Close() }()
	is.True(errors.Is(w.end(), myvault.ErrClosed))
	is.NoErr(<-closed)
}

func TestContextEndsWatch(t *testing.T) {
	is := is.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var errs []error
	for _, err := range openVault(t, myvault.Config{}).As("svc").Watch(ctx, myvault.WatchOptions{}) {
		errs = append(errs, err)
		cancel()
	}
	is.Equal(len(errs), 2)
	is.NoErr(errs[0])
	is.True(errors.Is(errs[1], context.Canceled))
}

func TestBookmarks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		v := openVault(t, myvault.Config{})
		w, start := watch(t, v.As("svc"), myvault.WatchOptions{BookmarkInterval: 20 * time.Second})
		mustApply(t, v, putOf("newsbot/dev/hidden"))
		began := time.Now()
		e := w.event()
		is.Equal(time.Since(began), 20*time.Second)
		is.Equal(len(e.Changes), 0)
		is.True(e.Position != start) // behind the hidden change

		// Hidden changes make no bookmark come earlier.
		for range 2 {
			began = time.Now()
			mustApply(t, v, slices.Repeat([]myvault.Change{putOf("newsbot/dev/hidden")}, myvault.MaxChanges)...)
			is.Equal(changes(w.event()), "")
			is.Equal(time.Since(began), 20*time.Second)
		}
	})
}

// slowWatcher is a store whose feeds take a minute for each Next.
type slowWatcher struct{ *memory.Provider }

type slowFeed struct{ myvault.Feed }

func (w slowWatcher) Watch(ctx context.Context, prefix myvault.Prefix, after myvault.Position) (myvault.Feed, error) {
	f, err := w.Provider.Watch(ctx, prefix, after)
	return slowFeed{f}, err
}

func (f slowFeed) Next(ctx context.Context) ([]myvault.Event, error) {
	time.Sleep(time.Minute)
	return f.Feed.Next(ctx)
}

// The first bookmark says that all missed events have been delivered, however long that took.
func TestNoBookmarkBeforeTheMissedEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		v := vaultOf(t, slowWatcher{memory.New(memory.Config{})}, myvault.Config{})
		_, start := watch(t, v.As("svc"), myvault.WatchOptions{})
		for range 9 {
			mustApply(t, v, slices.Repeat([]myvault.Change{putOf("newsbot/dev/hidden")}, myvault.MaxChanges)...)
		}
		mustApply(t, v, putOf("newsbot/prod/db"))
		var got []string
		for e, err := range v.As("svc").Watch(t.Context(), myvault.WatchOptions{After: start, BookmarkInterval: time.Second}) {
			is.NoErr(err)
			if got = append(got, changes(e)); len(got) == 2 {
				break
			}
		}
		is.Equal(got, []string{"newsbot/prod/db version 1 live", ""})
	})
}

func TestWatchIsOneEntry(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	w, _ := watch(t, v.As("svc"), myvault.WatchOptions{Prefix: myvault.Prefix{Project: "newsbot", Path: "prod"}})
	for range 5 {
		mustApply(t, v, putOf("newsbot/prod/db"))
		w.event()
	}
	var entries []string
	for e, err := range v.As("root").Trail(t.Context(), myvault.TrailFilter{Service: "svc", Action: "watch"}) {
		is.NoErr(err)
		entries = append(entries, fmt.Sprint(e.Address, " ", e.Outcome, " ", e.Count))
	}
	is.Equal(entries, []string{"newsbot/prod ok 1"})
}

func TestWatchIsRecordedFirst(t *testing.T) {
	is := is.New(t)
	provider := &spy{Provider: memory.New(memory.Config{})}
	trail := &brokenTrail{}
	trail.fails.Store(true)
	v := vaultOf(t, struct {
		myvault.Provider
		myvault.Watcher
	}{provider, provider}, myvault.Config{Trail: trail})
	is.True(errors.Is(first(v.As("svc").Watch(t.Context(), myvault.WatchOptions{})), myvault.ErrTrail))
	is.Equal(provider.reached, 0)
}

func TestWatchNeedsWatcher(t *testing.T) {
	is := is.New(t)
	v := vaultOf(t, struct{ myvault.Provider }{memory.New(memory.Config{})}, myvault.Config{Trail: myvault.NoTrail{}})
	err := first(v.As("svc").Watch(t.Context(), myvault.WatchOptions{}))
	is.True(errors.Is(err, errors.ErrUnsupported))
	for _, r := range []myvault.WatchOptions{{BookmarkInterval: -1}, {Prefix: myvault.Prefix{Path: "x"}}} {
		is.True(errors.Is(first(v.As("svc").Watch(t.Context(), r)), myvault.ErrInvalid))
	}
}

// Many watchers and writers: each watcher sees every commit once, whole and in order.
func TestManyWatchers(t *testing.T) {
	is := is.New(t)
	const watchers, writers, commits = 20, 4, 50
	v := openVault(t, myvault.Config{})
	results := make(chan error, watchers+writers)
	for range watchers {
		w, _ := watch(t, v.As("root"), myvault.WatchOptions{})
		go func() { results <- w.expectPairs(writers, writers*commits) }()
	}
	for n := range writers {
		go func() {
			for range commits {
				if _, err := v.As("root").Apply(t.Context(), putOf(fmt.Sprintf("p/%d/a", n)), putOf(fmt.Sprintf("p/%d/b", n))); err != nil {
					results <- err
					return
				}
			}
			results <- nil
		}()
	}
	for range cap(results) {
		is.NoErr(<-results)
	}
}

// expectPairs reads n changes of each pair of secrets, which are always changed together.
func (w *watching) expectPairs(pairs, n int) error {
	versions := make([]myvault.Version, pairs)
	for range n {
		e, err, ok := w.pull()
		if err != nil || !ok {
			return fmt.Errorf("the watch has ended: %w", err)
		}
		var p int
		_, _ = fmt.Sscanf(e.Changes[0].Path, "%d/a", &p)
		versions[p]++
		want := fmt.Sprintf("p/%d/a version %d live, p/%[1]d/b version %[2]d live", p, versions[p])
		if got := changes(e); got != want {
			return fmt.Errorf("got %s, want %s", got, want)
		}
	}
	return nil
}
