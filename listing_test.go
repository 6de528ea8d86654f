package myvault_test

import (
	"bytes"
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
	v := openVault(t, myvault.Config{Reads: myvault.Off})
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

// TestAPageDoesNotTellOfWhatIsHidden: that there is more must not depend on what the
// service may not see.
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
		is.Equal(len(trail.Entries), 1)
		is.True(!trail.More)
	}
}

// TestTrailPageEndsAtManyRanges: one destroy may name a thousand versions that stand apart, again and again.
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
	var page myvault.TrailPage
	found := 0
	for more := true; more; more = page.More {
		var err error
		page, err = v.As("root").TrailPage(t.Context(), myvault.TrailFilter{Action: "destroy", Before: page.Next}, 1000)
		is.NoErr(err)
		is.True(len(page.Entries) <= 4)
		for _, e := range page.Entries {
			is.Equal(len(e.Destroyed), 1000)
		}
		found += len(page.Entries)
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
	is.Equal(len(page.Entries), 0)
	is.True(page.More)
	page, err = v.As("root").TrailPage(t.Context(), myvault.TrailFilter{Action: "copy", Before: page.Next}, 10)
	is.NoErr(err)
	is.True(!page.More)
}
