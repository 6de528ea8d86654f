package myvault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
)

// fill puts secrets as root.
func fill(t testing.TB, v *myvault.Vault, addresses ...string) {
	t.Helper()
	for _, text := range addresses {
		if _, err := v.As("root").Put(t.Context(), address(t, text), myvault.Text("value of "+text)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestListShowsWhatMayBeListed(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	fill(t, v, "billing/prod/x", "newsbot/dev/db", "newsbot/prod", "newsbot/prod/db", "newsbot/prod-x/db", "newsbot/production/db")
	list := func(service string, prefix myvault.Prefix) (got []string) {
		for info, err := range v.As(service).List(t.Context(), myvault.ListOptions{Prefix: prefix}) {
			is.NoErr(err)
			got = append(got, info.Address.String())
		}
		return got
	}
	is.Equal(list("svc", myvault.Prefix{}), []string{"newsbot/prod/db"})
	is.Equal(list("svc", myvault.Prefix{Project: "billing"}), nil)
	is.Equal(list("root", myvault.Prefix{Project: "newsbot", Path: "prod"}), []string{"newsbot/prod", "newsbot/prod/db"})
	is.Equal(list("root", myvault.Prefix{Project: "newsbot", Path: "prod/"}), []string{"newsbot/prod/db"})
}

func TestPagesAddUpToTheList(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	var all, visible []string
	for i := range 300 {
		text := fmt.Sprintf("p%d/%s/k%03d", i%3, []string{"prod", "dev"}[i%2], i)
		all = append(all, text)
		if i%2 == 0 {
			visible = append(visible, text)
		}
	}
	fill(t, v, all...)
	slices.Sort(visible)
	v.SetPolicy(policyOf(t, []string{"*/prod/"}, nil))
	var names, values []string
	for r, more := (myvault.ListOptions{}), true; more; {
		page, err := v.As("svc").ListPage(t.Context(), r, 7)
		is.NoErr(err)
		for _, info := range page.Items {
			names = append(names, info.Address.String())
		}
		r.After, more = page.Next, page.More
	}
	is.Equal(names, visible)
	for r, more := (myvault.ListOptions{}), true; more; {
		page, err := v.As("svc").GetPage(t.Context(), r, 7)
		is.NoErr(err)
		for _, secret := range page.Items {
			is.Equal(secret.Value.Reveal(), "value of "+secret.Address.String())
			values = append(values, secret.Address.String())
		}
		r.After, more = page.Next, page.More
	}
	is.Equal(values, visible)
}

func TestGetPageNeedsReadAndList(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	fill(t, v, "p/a", "p/b", "p/c")
	v.SetPolicy(policyOf(t, []string{"p/a", "p/b@read", "p/c@list"}, nil))
	page, err := v.As("svc").GetPage(t.Context(), myvault.ListOptions{}, 10)
	is.NoErr(err)
	is.Equal(len(page.Items), 1)
	is.Equal(page.Items[0].Path, "a")
}

func TestGetPageIsBoundedInBytes(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	large := myvault.Bytes(bytes.Repeat([]byte("x"), myvault.MaxValue))
	for i := range 20 {
		_, err := v.As("root").Put(t.Context(), myvault.Address{Project: "p", Path: fmt.Sprintf("%02d", i)}, large)
		is.NoErr(err)
	}
	page, err := v.As("root").GetPage(t.Context(), myvault.ListOptions{}, 1000)
	is.NoErr(err)
	is.Equal(len(page.Items), 16) // 8 MiB of 512 KiB each
	is.True(page.More)
	page, err = v.As("root").GetPage(t.Context(), myvault.ListOptions{After: page.Next}, 1000)
	is.NoErr(err)
	is.Equal(len(page.Items), 4)
	is.Equal(page.Items[0].Path, "16")
	is.True(!page.More)
}

func TestListPageLooksAtABoundedNumber(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{Reads: myvault.ReadsOff})
	for i := range 10_050 {
		_, err := v.As("root").Put(t.Context(), myvault.Address{Project: "p", Path: fmt.Sprintf("%05d", i)}, myvault.Text("v"))
		is.NoErr(err)
	}
	v.SetPolicy(policyOf(t, []string{"p/10049"}, nil))
	page, err := v.As("svc").ListPage(t.Context(), myvault.ListOptions{}, 10)
	is.NoErr(err)
	is.Equal(len(page.Items), 0) // a short page, and where to go on
	is.True(page.More)
	page, err = v.As("svc").ListPage(t.Context(), myvault.ListOptions{After: page.Next}, 10)
	is.NoErr(err)
	is.Equal(len(page.Items), 1)
	is.True(!page.More)
}

// TestAPageDoesNotTellOfWhatIsHidden: More must not depend on secrets that the service may not
// see.
func TestAPageDoesNotTellOfWhatIsHidden(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	for _, hidden := range [][]string{nil, {"p/zone/b"}, {"p/zone/b", "p/zone/c", "q/x"}} {
		v := openVault(t, myvault.Config{})
		fill(t, v, append(hidden, "p/zone/a")...)
		v.SetPolicy(policyOf(t, []string{"p/zone/a", "p/zone/a@audit"}, nil))
		s := v.As("svc")
		listed, err := s.ListPage(ctx, myvault.ListOptions{}, 1)
		is.NoErr(err)
		is.Equal(len(listed.Items), 1)
		is.True(!listed.More) // with and without hidden ones behind it
		read, err := s.GetPage(ctx, myvault.ListOptions{}, 1)
		is.NoErr(err)
		is.Equal(len(read.Items), 1)
		is.True(!read.More)
		trail, err := s.TrailPage(ctx, myvault.TrailFilter{Action: "write"}, 1)
		is.NoErr(err)
		is.Equal(len(trail.Items), 1)
		is.True(!trail.More)
	}
}

// TestTrailPageEndsAtManyRanges: one destroy may name a thousand versions that are not adjacent.
func TestTrailPageEndsAtManyRanges(t *testing.T) {
	is := is.New(t)
	v := vaultOf(t, memory.New(memory.Config{}), myvault.Config{})
	var odd []myvault.Version
	for n := range 2000 {
		info, err := v.As("root").Put(t.Context(), db, myvault.Text("v"))
		is.NoErr(err)
		if n%2 == 0 {
			odd = append(odd, info.Version)
		}
	}
	for range 10 {
		is.NoErr(v.As("root").Destroy(t.Context(), db, odd...))
	}
	var page myvault.Page[myvault.Entry, myvault.Cursor]
	found := 0
	for more := true; more; more = page.More {
		var err error
		page, err = v.As("root").TrailPage(t.Context(), myvault.TrailFilter{Action: "destroy", Before: page.Next}, 1000)
		is.NoErr(err)
		is.True(len(page.Items) <= 4)
		for _, e := range page.Items {
			is.Equal(len(e.Destroyed), 1000)
		}
		found += len(page.Items)
	}
	is.Equal(found, 10)
}

func TestTrailPageLooksAtABoundedNumber(t *testing.T) {
	is := is.New(t)
	v := vaultOf(t, memory.New(memory.Config{MaxEntries: 20_000}), myvault.Config{})
	for range 10_050 {
		_, err := v.As("root").Put(t.Context(), db, myvault.Text("v"))
		is.NoErr(err)
	}
	page, err := v.As("root").TrailPage(t.Context(), myvault.TrailFilter{Action: "copy"}, 10)
	is.NoErr(err)
	is.Equal(len(page.Items), 0)
	is.True(page.More)
	page, err = v.As("root").TrailPage(t.Context(), myvault.TrailFilter{Action: "copy", Before: page.Next}, 10)
	is.NoErr(err)
	is.True(!page.More)
}

// TestVersionsPages: the pages are what Versions yields, once and in order.
func TestVersionsPages(t *testing.T) {
	is := is.New(t)
	s := openVault(t, myvault.Config{}).As("root")
	for n := range 5 {
		_, err := s.Put(t.Context(), db, myvault.Text(fmt.Sprint(n)))
		is.NoErr(err)
	}
	is.NoErr(s.Destroy(t.Context(), db, 4))
	var got []string
	for page, pages := (myvault.Page[myvault.Info, myvault.Version]{More: true}), 0; page.More; pages++ {
		var err error
		page, err = s.VersionsPage(t.Context(), db, page.Next, 2)
		is.NoErr(err)
		is.True(pages < 3)
		for _, info := range page.Items {
			got = append(got, fmt.Sprint(info.Version, info.State))
		}
	}
	is.Equal(got, []string{"5 live", "4 destroyed", "3 live", "2 live", "1 live"})
	page, err := s.VersionsPage(t.Context(), db, 0, 5)
	is.NoErr(err)
	is.True(!page.More) // there is nothing behind a full page
	for _, limit := range []int{0, 1001} {
		_, err := s.VersionsPage(t.Context(), db, 0, limit)
		is.True(errors.Is(err, myvault.ErrInvalid))
		_, err = s.ProjectsPage(t.Context(), "", limit)
		is.True(errors.Is(err, myvault.ErrInvalid))
	}
}

// TestProjectsPages: the pages are what Projects yields, and Next names a visible project.
func TestProjectsPages(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	for _, name := range []string{"a", "a b", "b", "c", "hidden", "z"} {
		_, err := v.As("root").PutProject(t.Context(), myvault.Project{Name: name})
		is.NoErr(err)
	}
	v.SetPolicy(policyOf(t, []string{"a/", "a b/", "b/", "c/", "z/"}, nil))
	var got []string
	for page := (myvault.Page[myvault.Project, string]{More: true}); page.More; {
		var err error
		page, err = v.As("svc").ProjectsPage(t.Context(), page.Next, 2)
		is.NoErr(err)
		for _, p := range page.Items {
			got = append(got, p.Name)
		}
		is.Equal(page.Next, got[len(got)-1])
	}
	is.Equal(got, []string{"a", "a b", "b", "c", "z"})
}

// TestApplySaysWhichChange is refused, and why. A denied change is reported before those that the
// store refuses, so that the index reveals nothing to a stranger.
func TestApplySaysWhichChange(t *testing.T) {
	v := openVault(t, myvault.Config{})
	fill(t, v, "newsbot/prod/db", "rag/prod/x")
	put := func(addr myvault.Address, conditions ...myvault.Condition) myvault.Change {
		c := myvault.Change{Op: myvault.OpPut, Address: addr, Value: myvault.Text("v")}
		if len(conditions) > 0 {
			c.If = conditions[0]
		}
		return c
	}
	other := myvault.Address{Project: "rag", Path: "prod/x"}
	none := myvault.Address{Project: "newsbot", Path: "prod/none"}
	broken := func(c myvault.Change) myvault.Change {
		c.Generate = func(context.Context) (myvault.Value, error) { return myvault.Value{}, errors.New("no entropy") }
		c.Value = myvault.Value{}
		return c
	}
	for name, c := range map[string]struct {
		rules   []string
		changes []myvault.Change
		index   int
		cause   error
		addr    myvault.Address
	}{
		"conflict":      {[]string{"*/"}, []myvault.Change{put(none), put(db, myvault.IfVersion(9))}, 1, myvault.ErrConflict, db},
		"alone":         {[]string{"*/"}, []myvault.Change{put(db, myvault.IfVersion(9))}, 0, myvault.ErrConflict, db},
		"exists":        {[]string{"*/"}, []myvault.Change{put(db, myvault.IfAbsent()), put(none)}, 0, myvault.ErrExists, db},
		"not found":     {[]string{"*/"}, []myvault.Change{put(db), put(db), {Op: myvault.OpDelete, Address: none}}, 2, myvault.ErrNotFound, none},
		"malformed":     {[]string{"*/"}, []myvault.Change{put(db), put(myvault.Address{Project: "newsbot", Path: "//"})}, 1, myvault.ErrInvalid, myvault.Address{}},
		"generator":     {[]string{"*/"}, []myvault.Change{put(none), broken(put(db))}, 1, myvault.ErrGenerator, db},
		"denied":        {[]string{"newsbot/"}, []myvault.Change{put(db), put(other)}, 1, myvault.ErrDenied, other},
		"denied before": {[]string{"newsbot/"}, []myvault.Change{put(db, myvault.IfVersion(9)), put(other, myvault.IfAbsent())}, 1, myvault.ErrDenied, other},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			v.SetPolicy(policyOf(t, c.rules, nil))
			_, err := v.As("svc").Apply(t.Context(), c.changes...)
			is.True(errors.Is(err, c.cause))
			refused, ok := errors.AsType[*myvault.ChangeError](err)
			is.True(ok) // it is the fault of one change
			is.Equal(refused.Index, c.index)
			whole, ok := errors.AsType[*myvault.Error](err)
			is.True(ok)
			is.Equal(whole.Address, c.addr)
		})
	}
	t.Run("other methods", func(t *testing.T) {
		is := is.New(t)
		v.SetPolicy(policyOf(t, []string{"*/"}, nil))
		_, err := v.As("svc").Put(t.Context(), db, myvault.Text("v"), myvault.IfVersion(9))
		is.Equal(err.Error(), "myvault: put newsbot/prod/db: version conflict")
		_, err = v.As("svc").Apply(t.Context(), put(db), put(db, myvault.IfVersion(9)))
		is.Equal(err.Error(), "myvault: apply newsbot/prod/db: change 2: version conflict")
	})
}

// TestADestroyedCurrentVersion is destroyed if it is asked for by its number, and not found
// otherwise.
func TestADestroyedCurrentVersion(t *testing.T) {
	is := is.New(t)
	s := openVault(t, myvault.Config{}).As("root")
	for range 3 {
		_, err := s.Put(t.Context(), db, myvault.Text("v"))
		is.NoErr(err)
	}
	is.NoErr(s.Destroy(t.Context(), db, 1, 3))
	for version, want := range map[myvault.Version]error{
		0: myvault.ErrNotFound, 1: myvault.ErrDestroyed, 2: myvault.ErrNotFound, 3: myvault.ErrDestroyed, 4: myvault.ErrNotFound,
	} {
		_, err := s.GetVersion(t.Context(), db, version)
		is.True(errors.Is(err, want)) // of that version
	}
}
