package myvault_test

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/usage"
)

// tally counts the calls that reach a provider, and the rows that it returns.
type tally struct {
	*memory.Provider
	calls, rows int
}

func counted[T any](c *tally, seq iter.Seq2[T, error]) iter.Seq2[T, error] {
	c.calls++
	return func(yield func(T, error) bool) {
		for item, err := range seq {
			c.rows++
			if !yield(item, err) {
				return
			}
		}
	}
}

func (c *tally) Get(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
	c.calls++
	return c.Provider.Get(ctx, a, v)
}

func (c *tally) List(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
	return counted(c, c.Provider.List(ctx, r))
}

func (c *tally) Versions(ctx context.Context, a myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
	return counted(c, c.Provider.Versions(ctx, a, before))
}

func (c *tally) Entries(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
	return counted(c, c.Provider.Entries(ctx, r))
}

func (c *tally) Snapshot(ctx context.Context, f func(myvault.Reader) error) error {
	c.calls++
	return c.Provider.Snapshot(ctx, func(r myvault.Reader) error { return f(tallyReader{r, c}) })
}

// tallyReader counts what is asked of a snapshot.
type tallyReader struct {
	myvault.Reader
	of *tally
}

func (r tallyReader) Get(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
	r.of.calls++
	return r.Reader.Get(ctx, a, v)
}

func (r tallyReader) List(ctx context.Context, in myvault.ListOptions) iter.Seq2[myvault.Info, error] {
	return counted(r.of, r.Reader.List(ctx, in))
}

func (r tallyReader) Versions(ctx context.Context, a myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
	return counted(r.of, r.Reader.Versions(ctx, a, before))
}

// listings asks for each kind of page of what prefix selects, and returns how many items there
// were.
func listings(t *testing.T, v *myvault.Vault, s *myvault.Session, prefix myvault.Prefix) (items int) {
	t.Helper()
	in := myvault.ListOptions{Prefix: prefix}
	listed, err := s.ListPage(t.Context(), in, 10)
	read, also := s.GetPage(t.Context(), in, 10)
	err = cmp.Or(err, also)
	used, also := usagePage(t.Context(), v, s, usage.Options{Prefix: prefix}, 10)
	err = cmp.Or(err, also)
	trail, also := s.TrailPage(t.Context(), myvault.TrailFilter{Prefix: prefix}, 10)
	err = cmp.Or(err, also)
	for _, also := range s.List(t.Context(), in) {
		err = cmp.Or(err, also)
		items++
	}
	for _, also := range s.Trail(t.Context(), myvault.TrailFilter{Prefix: prefix}) {
		err = cmp.Or(err, also)
		items++
	}
	if err != nil {
		t.Fatal(err)
	}
	return items + len(listed.Items) + len(read.Items) + len(used.Items) + len(trail.Items)
}

// TestAPrefixThatNoRuleMeetsIsAnsweredWithoutTheStore: else the time of the answer would reveal
// whether there is something.
func TestAPrefixThatNoRuleMeetsIsAnsweredWithoutTheStore(t *testing.T) {
	const all = "@read+write+delete+list+audit"
	for _, c := range []struct{ allow, deny, restrict, prefix string }{
		{"newsbot/", "newsbot/hidden/", "", "newsbot/hidden/"},
		{"newsbot/", "newsbot/hidden/", "", "newsbot/hidden/deep"},
		{"newsbot/", "newsbot/hidden/", "", "newsbot/hidden/deep/er/"},
		{"newsbot/", "newsbot/hidden newsbot/hidden/", "", "newsbot/hidden"},
		{"newsbot/", "newsbot/", "", "newsbot"},
		{"newsbot/", "newsbot/", "", ""},
		{"newsbot/", "*/", "", ""},
		{"newsbot/", "news*/", "", "newsbot"},
		{"newsbot/", "newsbot/*/", "", "newsbot/hidden/"},
		{"newsbot/", "newsbot/h*n/", "", "newsbot/hidden/"},
		{"newsbot/", "newsbot/hidden/* newsbot/hidden/*/", "", "newsbot/hidden/"},
		{"newsbot/", "newsbot/*/*/ newsbot/*/*", "", "newsbot/hidden/"},
		{"newsbot/", "newsbot/* newsbot/*/", "", "newsbot"},
		{"newsbot/prod/", "", "", "newsbot/hidden/"},
		{"newsbot/prod/ rag/", "", "", "newsbot/hidden"},
		{"newsbot/*/db", "", "", "newsbot/hidden/deep/"},
		{"newsbot/*/db", "newsbot/hidden/db", "", "newsbot/hidden/"},
		{"rag/", "", "", "newsbot"},
		{"newsbot/", "", "newsbot/prod/", "newsbot/hidden/"},
		{"newsbot/", "newsbot/hidden/", "newsbot/hidden/ rag/", "newsbot"},
		{"newsbot/", "", "rag/", ""},
	} {
		t.Run(c.allow+" without "+c.deny+" for "+c.prefix, func(t *testing.T) {
			is := is.New(t)
			for _, stored := range []bool{false, true} {
				provider := &tally{Provider: memory.New(memory.Config{})}
				v := vaultOf(t, provider, myvault.Config{Reads: myvault.ReadsRelaxed})
				if stored {
					fill(t, v, "newsbot/hidden/a", "newsbot/hidden/deep/b", "newsbot/hidden/deep/er/c", "newsbot/hidden/db")
				}
				ruled := func(text string) []string {
					var with []string
					for _, rule := range strings.Fields(text) {
						with = append(with, rule+all)
					}
					return with
				}
				v.SetPolicy(policyOf(t, ruled(c.allow), ruled(c.deny)))
				s := v.As("svc")
				if c.restrict != "" {
					s = s.Restrict(rules(t, ruled(c.restrict)...)...)
				}
				project, path, _ := strings.Cut(c.prefix, "/")
				provider.calls, provider.rows = 0, 0
				is.Equal(listings(t, v, s, myvault.Prefix{Project: project, Path: path}), 0)
				is.Equal(provider.calls, 0)
			}
		})
	}
}

// TestProjectsThatNoRuleMeetsAreListedWithoutTheStore.
func TestProjectsThatNoRuleMeetsAreListedWithoutTheStore(t *testing.T) {
	const all = "@read+write+delete+list+destroy+audit"
	for _, c := range []struct {
		allow, deny, restrict []string
		asked                 bool
	}{
		{nil, nil, nil, false},
		{[]string{"newsbot/"}, []string{"*/" + all}, nil, false},
		{[]string{"newsbot/", "news*/"}, []string{"new*/" + all}, nil, false},
		{[]string{"newsbot/@read", "rag/@read"}, []string{"newsbot/@read", "rag/@read"}, nil, false},
		{[]string{"newsbot/"}, nil, []string{}, false},
		{[]string{"newsbot/"}, []string{"rag/" + all}, nil, true},
		{[]string{"newsbot/"}, []string{"newsbot/prod/" + all}, nil, true},
		{[]string{"news*/"}, []string{"newsbot/" + all}, nil, true},
		{[]string{"newsbot/"}, []string{"newsbot/@read"}, nil, true},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			is := is.New(t)
			provider := &tally{Provider: memory.New(memory.Config{})}
			v := vaultOf(t, provider, myvault.Config{})
			fill(t, v, "newsbot/a", "newsroom/a", "rag/a")
			v.SetPolicy(policyOf(t, c.allow, c.deny))
			s := v.As("svc")
			if c.restrict != nil {
				s = s.Restrict(rules(t, c.restrict...)...)
			}
			provider.calls = 0
			listed := 0
			for _, err := range s.Projects(t.Context()) {
				is.NoErr(err)
				listed++
			}
			is.Equal(listed > 0, c.asked)
			is.Equal(provider.calls > 0, c.asked)
		})
	}
}

// TestWhatIsDeniedBelowAVisibleNameCostsNothing: prefix=prod is about the secret prod, too.
func TestWhatIsDeniedBelowAVisibleNameCostsNothing(t *testing.T) {
	is := is.New(t)
	work := map[int]bool{}
	for _, stored := range []int{0, 1, 50} {
		provider := &tally{Provider: memory.New(memory.Config{})}
		v := vaultOf(t, provider, myvault.Config{Reads: myvault.ReadsOff})
		fill(t, v, "newsbot/prod", "newsbot/prod")
		for i := range stored {
			fill(t, v, fmt.Sprintf("newsbot/prod/%d", i))
		}
		v.SetPolicy(policyOf(t, []string{"newsbot/"}, []string{"newsbot/prod/"}))
		provider.calls, provider.rows = 0, 0
		in := myvault.ListOptions{Prefix: myvault.Prefix{Project: "newsbot", Path: "prod"}}
		page, err := v.As("svc").GetPage(t.Context(), in, 10)
		is.NoErr(err)
		is.Equal(len(page.Items), 1)
		is.Equal(page.Items[0].Version, myvault.Version(2))
		is.True(!page.More)
		in.After = page.Next
		page, err = v.As("svc").GetPage(t.Context(), in, 10)
		is.NoErr(err)
		is.Equal(len(page.Items), 0)
		in.After, in.Deleted = myvault.Address{}, true
		deleted, err := v.As("svc").ListPage(t.Context(), in, 10)
		is.NoErr(err)
		is.Equal(len(deleted.Items), 0)
		work[provider.calls<<16|provider.rows] = true
	}
	is.Equal(len(work), 1) // the same for any hidden names
}

// TestThePositionOfAPageTellsNothingOfHiddenNames plays the same questions, with probes written
// between them, on a store with and one without hidden secrets. The caller must see the same.
func TestThePositionOfAPageTellsNothingOfHiddenNames(t *testing.T) {
	is := is.New(t)
	hidden := []string{"newsbot/prod/a-secret", "newsbot/prod/payroll-secret", "newsbot/prod/payslip-secret", "newsbot/zz-secret"}
	play := func(hidden ...string) (seen []string) {
		v := openVault(t, myvault.Config{})
		fill(t, v, hidden...)
		fill(t, v, "newsbot/prod/b", "newsbot/prod/x", "newsbot/prod/y")
		v.SetPolicy(policyOf(t, []string{"newsbot/@read+write+delete+list+audit"}, []string{"newsbot/prod/*-secret", "newsbot/*-secret", "newsbot/*-secret@audit", "newsbot/prod/*-secret@audit"}))
		s := v.As("svc")
		index, err := usage.New(v)
		is.NoErr(err)
		shuffled := rand.New(rand.NewPCG(1, 2))
		for range 200 {
			probe := myvault.Address{Project: "newsbot", Path: "prod/p" + string(rune('a'+shuffled.IntN(26))) + string(rune('a'+shuffled.IntN(26)))}
			var r myvault.ListOptions
			listed, err := s.ListPage(t.Context(), r, 1+shuffled.IntN(2))
			is.NoErr(err)
			seen = append(seen, fmt.Sprint(listed.Next, listed.More))
			_, err = s.Put(t.Context(), probe, myvault.Text("probe"))
			is.NoErr(err)
			r.After = listed.Next
			again, err := s.ListPage(t.Context(), r, 1)
			is.NoErr(err)
			read, err := s.GetPage(t.Context(), r, 1)
			is.NoErr(err)
			used, err := index.Page(t.Context(), s, usage.Options{After: r.After}, 1)
			is.NoErr(err)
			seen = append(seen, fmt.Sprint(again.Items[0].Address, again.Next, again.More, read.Items[0].Address, read.Next, read.More, used.Items[0].Address, used.Next, used.More))
			is.NoErr(s.Delete(t.Context(), probe))
		}
		return seen
	}
	is.Equal(play(hidden...), play())
}

// TestProbesDoNotCountWithHiddenNames: where a page ends must not depend on a hidden name,
// however many visible ones that the filters leave out are written beside it.
func TestProbesDoNotCountWithHiddenNames(t *testing.T) {
	is := is.New(t)
	play := func(hidden ...string) (seen []string) {
		v := openVault(t, myvault.Config{Reads: myvault.ReadsOff})
		var changes []myvault.Change
		for i := range 7_400 {
			path := fmt.Sprintf("prod/m%05d", i)
			changes = append(changes, myvault.Change{Op: myvault.OpPut, Address: myvault.Address{Project: "newsbot", Path: path}, Value: myvault.Text("v")})
		}
		for some := range slices.Chunk(changes, myvault.MaxChanges) {
			_, err := v.As("root").Apply(t.Context(), some...)
			is.NoErr(err)
		}
		fill(t, v, hidden...)
		v.SetPolicy(policyOf(t, []string{"newsbot/@read+list"}, []string{"newsbot/prod/*-secret"}))
		for range 3 {
			var r myvault.ListOptions
			r.RotateBefore = time.Now() // nothing
			for more := true; more; {
				page, err := v.As("svc").ListPage(t.Context(), r, 10)
				is.NoErr(err)
				is.Equal(len(page.Items), 0)
				seen = append(seen, page.Next.String())
				r.After, more = page.Next, page.More
			}
		}
		return seen
	}
	var hidden []string
	for i := range 2_500 {
		hidden = append(hidden, fmt.Sprintf("newsbot/prod/%c%d-secret", 'a'+rune(i%26), i))
	}
	is.Equal(play(hidden...), play())
}

// TestThePositionBehindTooManyHiddenNames is none of them, nor between any two of them that are not
// thousands apart.
func TestThePositionBehindTooManyHiddenNames(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{Reads: myvault.ReadsOff})
	names := make(map[string]bool)
	shuffled := rand.New(rand.NewPCG(3, 4))
	var changes []myvault.Change
	for len(names) < 25_000 {
		path := fmt.Sprintf("prod/%s%d", []string{"kunde-", "鍵-", "payroll-"}[shuffled.IntN(3)], shuffled.IntN(1_000_000))
		if !names[path] {
			names[path] = true
			changes = append(changes, myvault.Change{Op: myvault.OpPut, Address: myvault.Address{Project: "p", Path: path}, Value: myvault.Text("v")})
		}
	}
	for some := range slices.Chunk(changes, myvault.MaxChanges) {
		_, err := v.As("root").Apply(t.Context(), some...)
		is.NoErr(err)
	}
	fill(t, v, "p/prod/q", "p/zz")
	v.SetPolicy(policyOf(t, []string{"p/prod/q", "p/zz"}, nil))
	var seen []string
	var r myvault.ListOptions
	for more := true; more; {
		page, err := v.As("svc").ListPage(t.Context(), r, 10)
		is.NoErr(err)
		for _, info := range page.Items {
			seen = append(seen, info.Path)
			is.True(!page.More || info.Compare(page.Next) <= 0) // the following items are behind Next
		}
		if more = page.More; more {
			is.True(r.After.Compare(page.Next) < 0) // it goes on
			is.True(page.Next.Validate() != nil)    // it is no name
			runes := []rune(page.Next.Path)
			like := 0
			for name := range names {
				if strings.HasPrefix(name, string(runes[:len(runes)-2])) {
					like++
				}
			}
			is.True(like > 2000) // thousands share what the position reveals
		}
		r.After = page.Next
	}
	is.Equal(seen, []string{"prod/q", "zz"})
}

// TestTrailPagesDoNotTellOfHiddenEntries: Next has the numbers of entries that were shown, however
// many others there are.
func TestTrailPagesDoNotTellOfHiddenEntries(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{Reads: myvault.ReadsOff})
	for i := range 30 {
		fill(t, v, fmt.Sprintf("newsbot/mine/%d", i), "newsbot/theirs")
	}
	v.SetPolicy(policyOf(t, []string{"newsbot/mine/@audit"}, nil))
	var r myvault.TrailFilter
	found := 0
	for more := true; more; {
		page, err := v.As("svc").TrailPage(t.Context(), r, 1)
		is.NoErr(err)
		found += len(page.Items)
		is.Equal(page.Next[myvault.ChainChanges], page.Items[0].Seq)
		r.Before, more = page.Next, page.More
	}
	is.Equal(found, 30)
}

// TestAPositionBetweenTwoNames is between them, and is no name.
func TestAPositionBetweenTwoNames(t *testing.T) {
	is := is.New(t)
	names := []string{"a/a", "a/ab", "a/b", "a/b/c", "a/b0", "a/日", "a/本", "a/ééa", "a/éè", "a-b/a", "ab/a", "日本/a", "日/a", "a/\ud7ff", "a/\ue000", "a/\U0001F600", "0/a"}
	for _, first := range names {
		for _, second := range names {
			a, b := myvault.Address{}, myvault.Address{}
			a.Project, a.Path, _ = strings.Cut(first, "/")
			b.Project, b.Path, _ = strings.Cut(second, "/")
			if a.Compare(b) >= 0 {
				continue
			}
			at := myvault.Between(a, b)
			is.True(a.Compare(at) < 0)
			is.True(at.Compare(b) < 0)
			is.True(at.Validate() != nil)
		}
	}
}

// TestPagesHaveWhatThePolicyAllows compares pages under random rules with the policy's word on each
// address.
func TestPagesHaveWhatThePolicyAllows(t *testing.T) {
	is := is.New(t)
	random := rand.New(rand.NewPCG(5, 6))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	v := openVault(t, myvault.Config{Reads: myvault.ReadsOff})
	var stored []string
	for _, project := range []string{"p", "pq", "q"} {
		for _, path := range []string{"a", "a/a", "a/b", "a-b", "ab", "ab/a", "b", "b/a/a", "b/a/b"} {
			stored = append(stored, project+"/"+path)
		}
	}
	fill(t, v, stored...)
	slices.SortFunc(stored, func(a, b string) int { return address(t, a).Compare(address(t, b)) })
	some := func(most int) (texts []string) {
		for range random.IntN(most + 1) {
			path := pick("", "", pick("a", "b", "*", "a*", "*b"), pick("a", "b", "*", "ab")+"/", pick("a", "b", "*")+"/"+pick("a", "*", "b"), pick("a", "b", "*")+"/"+pick("a", "*")+"/")
			texts = append(texts, pick("p", "q", "*", "p*", "*q")+"/"+path+pick("", "@read", "@list", "@read+list", "@list+audit"))
		}
		return texts
	}
	for range 4000 {
		policy := policyOf(t, some(4), some(3))
		v.SetPolicy(policy)
		limits := some(3)
		s := v.As("svc")
		within := func(a myvault.Action, addr myvault.Address) bool { return policy.Allows("svc", a, addr) }
		if random.IntN(2) == 0 {
			s = s.Restrict(rules(t, limits...)...)
			limit := policyOf(t, limits, nil)
			within = func(a myvault.Action, addr myvault.Address) bool {
				return policy.Allows("svc", a, addr) && limit.Allows("svc", a, addr)
			}
		}
		prefix := myvault.Prefix{Project: pick("", "p", "pq", "q", "nobody")}
		if prefix.Project != "" {
			prefix.Path = pick("", "a", "a/", "b", "b/", "b/a", "b/a/", "ab", "nothing/")
		}
		var names, values, want, wantValues []string
		for _, text := range stored {
			if addr := address(t, text); prefix.Contains(addr) && within(myvault.List, addr) {
				want = append(want, text)
				if within(myvault.Read, addr) {
					wantValues = append(wantValues, text)
				}
			}
		}
		listed, err := s.ListPage(t.Context(), myvault.ListOptions{Prefix: prefix}, 100)
		is.NoErr(err)
		for _, info := range listed.Items {
			names = append(names, info.Address.String())
		}
		read, err := s.GetPage(t.Context(), myvault.ListOptions{Prefix: prefix}, 100)
		is.NoErr(err)
		for _, secret := range read.Items {
			values = append(values, secret.Address.String())
		}
		is.Equal(names, want)
		is.Equal(values, wantValues)
	}
}
