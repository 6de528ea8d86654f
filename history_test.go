package myvault_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
)

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
	for page, pages := (myvault.VersionsPage{More: true}), 0; page.More; pages++ {
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
	for page := (myvault.Page[myvault.Project]{More: true}); page.More; {
		var err error
		page, err = v.As("svc").ProjectsPage(t.Context(), page.Next.Project, 2)
		is.NoErr(err)
		for _, p := range page.Items {
			got = append(got, p.Name)
		}
		is.Equal(page.Next, myvault.Address{Project: got[len(got)-1]})
	}
	is.Equal(got, []string{"a", "a b", "b", "c", "z"})
}

// TestApplySaysWhichChange is refused, and why; a denied one comes before those that are refused
// for what the store holds, so that the index reveals nothing to a stranger.
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
