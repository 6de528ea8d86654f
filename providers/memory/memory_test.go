package memory_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
)

var addr = myvault.Address{Project: "newsbot", Path: "prod/db"}

func put(value string) myvault.Change {
	return myvault.Change{Op: myvault.OpPut, Address: addr, Value: myvault.Text(value)}
}

func apply(t *testing.T, p *memory.Provider, changes ...myvault.Change) {
	t.Helper()
	if _, err := p.Apply(t.Context(), myvault.Commit{Changes: changes}); err != nil {
		t.Fatal(err)
	}
}

func TestDefaultLimitOfProjects(t *testing.T) {
	is := is.New(t)
	p := memory.New(memory.Config{})
	var changes []myvault.Change
	for i := range myvault.MaxProjects {
		changes = append(changes, myvault.Change{Op: myvault.OpPutProject, Project: myvault.Project{Name: fmt.Sprint("project-", i)}})
	}
	apply(t, p, changes...)
	_, err := p.Apply(t.Context(), myvault.Commit{Changes: []myvault.Change{put("one too many")}})
	is.True(errors.Is(err, myvault.ErrTooLarge))
}

func TestNewestEntriesAreKept(t *testing.T) {
	is := is.New(t)
	const keep = 10
	p := memory.New(memory.Config{MaxEntries: keep})
	for i := range 57 {
		when := time.Unix(int64(i), 0)
		is.NoErr(p.Record(t.Context(), myvault.Entry{At: when, Action: "read"}))
		_, err := p.Apply(t.Context(), myvault.Commit{Changes: []myvault.Change{put("x")}, Entries: []myvault.Entry{{At: when, Action: "write"}}})
		is.NoErr(err)
		next := map[string]uint64{myvault.ChainAccess: uint64(i + 1), myvault.ChainChanges: uint64(i + 1)}
		n := 0
		for e, err := range p.Entries(t.Context(), myvault.TrailFilter{}) {
			is.NoErr(err)
			is.Equal(e.Seq, next[e.Chain]) // newest first, without a gap
			next[e.Chain]--
			n++
		}
		is.Equal(n, 2*min(keep, i+1)) // ten of each chain
	}
	for range p.Entries(t.Context(), myvault.TrailFilter{Before: myvault.Cursor{myvault.ChainAccess: 47, myvault.ChainChanges: 48}}) {
		t.Error("an entry that should be forgotten is there")
	}
}

func TestEntriesMatchChanges(t *testing.T) {
	is := is.New(t)
	p := memory.New(memory.Config{})
	_, err := p.Apply(t.Context(), myvault.Commit{Changes: []myvault.Change{put("1"), put("2")}, Entries: make([]myvault.Entry, 1)})
	is.True(errors.Is(err, myvault.ErrInvalid))
	_, err = p.Get(t.Context(), addr, 0)
	is.True(errors.Is(err, myvault.ErrNotFound)) // nothing was changed
}

func TestUnknownChange(t *testing.T) {
	is := is.New(t)
	p := memory.New(memory.Config{})
	for _, c := range []myvault.Change{
		{Address: addr},
		{Op: myvault.OpDeleteProject + 1, Address: addr},
		{Op: myvault.OpPutProject, Project: myvault.Project{Name: ".vault"}},
	} {
		_, err := p.Apply(t.Context(), myvault.Commit{Changes: []myvault.Change{put("1"), c}})
		is.True(errors.Is(err, myvault.ErrInvalid))
	}
	_, err := p.Get(t.Context(), addr, 0)
	is.True(errors.Is(err, myvault.ErrNotFound)) // nothing was changed
}

func TestTimesAreInUTCAndMicroseconds(t *testing.T) {
	is := is.New(t)
	p := memory.New(memory.Config{})
	tokyo := time.Date(2026, 11, 24, 0, 0, 0, 123456789, time.FixedZone("JST", 9*3600))
	change := put("1")
	change.Expires, change.RotateAfter = tokyo, time.Now()
	_, err := p.Apply(t.Context(), myvault.Commit{At: tokyo, Changes: []myvault.Change{change}})
	is.NoErr(err)
	secret, err := p.Get(t.Context(), addr, 0)
	is.NoErr(err)
	want := time.Date(2026, 11, 23, 15, 0, 0, 123456000, time.UTC)
	is.Equal(secret.At, want)
	is.Equal(secret.Expires, want)
	is.Equal(secret.RotateAfter, change.RotateAfter.UTC().Truncate(time.Microsecond)) // without a monotonic clock
}

func TestIteratorsUseASnapshot(t *testing.T) {
	is := is.New(t)
	p := memory.New(memory.Config{})
	for i := range 300 {
		change := put("1")
		change.Address.Path = fmt.Sprintf("secret-%03d", i)
		apply(t, p, change)
	}
	n := 0
	for info, err := range p.List(t.Context(), myvault.ListOptions{}) {
		is.NoErr(err)
		is.Equal(info.State, myvault.Live)
		if n++; n == 1 {
			for i := range 300 {
				apply(t, p, myvault.Change{Op: myvault.OpDelete, Address: myvault.Address{Project: "newsbot", Path: fmt.Sprintf("secret-%03d", i)}})
			}
			is.NoErr(p.Close())
		}
	}
	is.Equal(n, 300) // the contents at the start of the loop
}

func TestListEndsWithItsContext(t *testing.T) {
	is := is.New(t)
	p := memory.New(memory.Config{})
	for _, path := range []string{"a", "b", "c"} {
		change := put("1")
		change.Address.Path = path
		apply(t, p, change)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var errs []error
	for _, err := range p.List(ctx, myvault.ListOptions{}) {
		errs = append(errs, err)
		cancel()
	}
	is.Equal(len(errs), 2)
	is.NoErr(errs[0])
	is.True(errors.Is(errs[1], context.Canceled))
}

func TestIncarnationsDiffer(t *testing.T) {
	is := is.New(t)
	a, b := memory.New(memory.Config{}).Incarnation(), memory.New(memory.Config{}).Incarnation()
	is.Equal(len(a), 16)
	is.True(a != b)
}

func TestGetDoesNotAllocate(t *testing.T) {
	is := is.New(t)
	p := memory.New(memory.Config{})
	apply(t, p, put("1"), put("2"))
	ctx := t.Context()
	is.Equal(testing.AllocsPerRun(100, func() {
		_, _ = p.Get(ctx, addr, 0)
		_, _ = p.Get(ctx, addr, 1)
	}), 0.0)
}

// A refused commit does not affect later ones, though histories share memory.
func TestRefusedPutsLeaveNoTrace(t *testing.T) {
	is := is.New(t)
	p := memory.New(memory.Config{})
	never := myvault.Change{Op: myvault.OpDelete, Address: myvault.Address{Project: "newsbot", Path: "never"}}
	for n := range myvault.Version(40) {
		_, err := p.Apply(t.Context(), myvault.Commit{Changes: []myvault.Change{put("wrong"), put("wrong"), put("wrong"), never}})
		is.True(errors.Is(err, myvault.ErrNotFound))
		apply(t, p, put(fmt.Sprint("value ", n+1)))
	}
	for n := range myvault.Version(40) {
		secret, err := p.Get(t.Context(), addr, n+1)
		is.NoErr(err)
		is.Equal(secret.Value.Reveal(), fmt.Sprint("value ", n+1))
	}
}

func TestHistoryHasEveryValue(t *testing.T) {
	is := is.New(t)
	p := memory.New(memory.Config{MaxProjects: 7})
	apply(t, p, put("1"), put("2"), put("3"))
	apply(t, p, myvault.Change{Op: myvault.OpDestroy, Address: addr, Versions: []myvault.Version{2}})
	apply(t, p, myvault.Change{Op: myvault.OpDelete, Address: addr})
	var got []string
	for secret, err := range p.History(t.Context(), addr) {
		is.NoErr(err)
		got = append(got, fmt.Sprint(secret.Version, " ", secret.State, " ", secret.Value.Reveal()))
	}
	is.Equal(got, []string{"3 deleted 3", "2 destroyed ", "1 live 1"})
	for _, err := range p.History(t.Context(), myvault.Address{Project: "never", Path: "x"}) {
		is.True(errors.Is(err, myvault.ErrNotFound))
	}
	projects, versions := p.Limits()
	is.Equal(projects, 7)
	is.Equal(versions, 0)
}
