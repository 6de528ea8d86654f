package myvault_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
)

func TestLifeOfAProject(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	v := openVault(t, myvault.Config{})
	s := v.As("root")
	p, err := s.PutProject(ctx, myvault.Project{Name: "newsbot", Description: "news", Default: true}, myvault.IfAbsent())
	is.NoErr(err)
	is.Equal(p.Description, "news")
	is.Equal(p.By, "root")
	is.True(!p.Default) // SetDefaultProject alone makes one
	_, err = s.PutProject(ctx, myvault.Project{Name: "newsbot"}, myvault.IfAbsent())
	is.True(errors.Is(err, myvault.ErrExists))
	_, err = s.PutProject(ctx, myvault.Project{Name: "other"}, myvault.IfPresent())
	is.True(errors.Is(err, myvault.ErrNotFound))
	p, err = s.SetDefaultProject(ctx, "newsbot")
	is.NoErr(err)
	is.True(p.Default)
	_, err = s.SetDefaultProject(ctx, "other")
	is.True(errors.Is(err, myvault.ErrNotFound))
	p, err = s.PutProject(ctx, myvault.Project{Name: "newsbot", Description: "more news"}, myvault.IfPresent())
	is.NoErr(err)
	is.True(p.Default) // a description changes nothing else
	_, err = s.Put(ctx, db, myvault.Text("v"))
	is.NoErr(err)
	is.True(errors.Is(s.DeleteProject(ctx, "newsbot"), myvault.ErrNotEmpty))
	is.NoErr(s.Delete(ctx, db))
	is.NoErr(s.DeleteProject(ctx, "newsbot"))
	_, err = s.Project(ctx, "newsbot")
	is.True(errors.Is(err, myvault.ErrNotFound))
	_, err = s.Undelete(ctx, db)
	is.NoErr(err) // registers it again
	_, err = s.Project(ctx, "newsbot")
	is.NoErr(err)
}

func TestProjectsThatAreVisible(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	fill(t, v, "a/x", "b/x", "c/x", "d/x")
	v.SetPolicy(policyOf(t, []string{"a/prod/", "b/@list", "c/", "d/"}, []string{"c/", "d/prod/"}))
	var names []string
	for p, err := range v.As("svc").Projects(t.Context()) {
		is.NoErr(err)
		names = append(names, p.Name)
	}
	is.Equal(names, []string{"a", "b", "d"}) // c is denied as a whole
	_, err := v.As("svc").Project(t.Context(), "c")
	is.True(errors.Is(err, myvault.ErrDenied))
	_, err = v.As("svc").Project(t.Context(), "nowhere")
	is.True(errors.Is(err, myvault.ErrDenied)) // the same whether it exists or not
}

func TestDenyInsideKeepsTheProject(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	v := openVault(t, myvault.Config{})
	_, err := v.As("root").PutProject(ctx, myvault.Project{Name: "p"})
	is.NoErr(err)
	v.SetPolicy(policyOf(t, []string{"*/"}, []string{"p/billing/@read"}))
	is.True(errors.Is(v.As("svc").DeleteProject(ctx, "p"), myvault.ErrDenied))
	_, err = v.As("svc").SetDefaultProject(ctx, "p")
	is.True(errors.Is(err, myvault.ErrDenied))
	v.SetPolicy(policyOf(t, []string{"*/"}, []string{"q/"}))
	_, err = v.As("svc").SetDefaultProject(ctx, "p")
	is.NoErr(err)
	is.NoErr(v.As("svc").DeleteProject(ctx, "p"))
}

// TestANarrowedSessionSeesProjectsInWhichItMaySomething and no others, in its list and by name.
func TestANarrowedSessionSeesProjectsInWhichItMaySomething(t *testing.T) {
	many := func(format string) (rules []string) {
		for n := range 200 {
			rules = append(rules, fmt.Sprintf(format, n))
		}
		return rules
	}
	for name, c := range map[string]struct {
		allow, deny []string
		limits      [][]string
		want        bool
	}{
		"part of it":             {[]string{"*/"}, nil, [][]string{{"newsbot/prod/@list"}}, true},
		"another part":           {[]string{"newsbot/prod/"}, nil, [][]string{{"newsbot/dev/"}}, false},
		"two limits apart":       {[]string{"*/"}, nil, [][]string{{"newsbot/a/"}, {"newsbot/b/"}}, false},
		"another project":        {[]string{"*/"}, nil, [][]string{{"common/"}}, false},
		"other actions":          {[]string{"newsbot/@read"}, nil, [][]string{{"newsbot/@list"}}, false},
		"actions by turns":       {[]string{"newsbot/@read+list"}, nil, [][]string{{"newsbot/@list+write"}, {"newsbot/@write+read"}}, false},
		"an action in another":   {[]string{"newsbot/a/@read", "newsbot/b/@list"}, nil, [][]string{{"newsbot/a/@list", "newsbot/b/@read"}}, false},
		"by a star":              {[]string{"*/*/db"}, nil, [][]string{{"newsbot/prod/"}}, true},
		"a star between":         {[]string{"newsbot/a*"}, nil, [][]string{{"newsbot/*b"}, {"*/*"}}, true},
		"stars apart":            {[]string{"newsbot/a*"}, nil, [][]string{{"newsbot/b*"}, {"*/*"}}, false},
		"deeper":                 {[]string{"newsbot/a/"}, nil, [][]string{{"newsbot/a"}}, false},
		"all of it forbidden":    {[]string{"*/"}, []string{"newsbot/prod/"}, [][]string{{"newsbot/prod/"}}, false},
		"by a rule between":      {[]string{"newsbot/a/"}, []string{"newsbot/a/x"}, [][]string{{"newsbot/*/x"}}, false},
		"one action forbidden":   {[]string{"*/"}, []string{"newsbot/prod/@read"}, [][]string{{"newsbot/prod/@read"}}, false},
		"one of two forbidden":   {[]string{"*/"}, []string{"newsbot/prod/@read"}, [][]string{{"newsbot/prod/@read+list"}}, true},
		"a part of it forbidden": {[]string{"*/"}, []string{"newsbot/prod/"}, [][]string{{"newsbot/"}}, true},
		"nothing":                {[]string{"*/"}, nil, [][]string{{}}, false},
		"too many ways to tell":  {append(many("newsbot/a%d/"), "newsbot/x/"), nil, [][]string{append(many("newsbot/b%d/"), "newsbot/x/")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			v := openVault(t, myvault.Config{})
			v.SetPolicy(policyOf(t, []string{"*/"}, nil))
			_, err := v.As("svc").PutProject(t.Context(), myvault.Project{Name: "newsbot"})
			is.NoErr(err)
			v.SetPolicy(policyOf(t, c.allow, c.deny))
			s := v.As("svc")
			for _, limit := range c.limits {
				s = s.Restrict(rules(t, limit...)...)
			}
			var seen []string
			for p, err := range s.Projects(t.Context()) {
				is.NoErr(err)
				seen = append(seen, p.Name)
			}
			is.Equal(len(seen) == 1, c.want)
			_, err = s.Project(t.Context(), "newsbot")
			is.Equal(err == nil, c.want)
			is.True(c.want || errors.Is(err, myvault.ErrDenied))
		})
	}
}

// TestVisibleProjectsAreThoseWithSomethingInThem compares random restrictions with every short
// address.
func TestVisibleProjectsAreThoseWithSomethingInThem(t *testing.T) {
	is := is.New(t)
	r := rand.New(rand.NewPCG(1, 2))
	one := func(of ...string) string { return of[r.IntN(len(of))] }
	some := func(most int) (texts []string) {
		for range 1 + most/2 + r.IntN(most) {
			path := make([]string, r.IntN(3))
			for i := range path {
				path[i] = one("a", "b", "ab", "*", "a*", "*b")
			}
			texts = append(texts, one("p", "p", "p", "*", "*", "q")+"/"+strings.Join(append(path, one("a", "b", "a*", "")), "/")+one("", "@read", "@list", "@write+list"))
		}
		return texts
	}
	var addresses []myvault.Address
	below := []string{""}
	for range 4 {
		var next []string
		for _, path := range below {
			for _, segment := range []string{"a", "b", "ab", "bb", "x"} {
				next = append(next, path+segment+"/")
				addresses = append(addresses, myvault.Address{Project: "p", Path: path + segment})
			}
		}
		below = next
	}
	visible := 0
	v := openVault(t, myvault.Config{})
	v.SetPolicy(policyOf(t, []string{"*/"}, nil))
	_, err := v.As("svc").PutProject(t.Context(), myvault.Project{Name: "p"})
	is.NoErr(err)
	for range 2000 {
		lists := [][]string{some(4), some(3), some(3)}
		policies := make([]*myvault.Policy, len(lists))
		for i, list := range lists {
			policies[i] = policyOf(t, list, nil)
		}
		v.SetPolicy(policies[0])
		s := v.As("svc").Restrict(rules(t, lists[1]...)...).Restrict(rules(t, lists[2]...)...)
		_, err := s.Project(t.Context(), "p")
		if got, want := err == nil, someAddress(policies, addresses); got != want {
			t.Fatalf("%q: seen %t, and there is something to do %t", lists, got, want)
		} else if got {
			visible++
		}
	}
	is.True(visible > 200 && visible < 1800) // both were tried
}

// someAddress reports whether all policies allow one action on one of the addresses.
func someAddress(policies []*myvault.Policy, addresses []myvault.Address) bool {
	for _, addr := range addresses {
		for _, action := range []myvault.Action{myvault.Read, myvault.List, myvault.Write, myvault.Delete} {
			all := true
			for _, p := range policies {
				all = all && p.Allows("svc", action, addr)
			}
			if all {
				return true
			}
		}
	}
	return false
}

// tangled returns limits with very many combinations of rules, none of which overlaps the last
// limit.
func tangled() (limits [][]string) {
	for range 4 {
		var limit []string
		for n := range 8 {
			limit = append(limit, fmt.Sprintf("*/*%s%d*", strings.Repeat("a", 105), n))
		}
		limits = append(limits, limit)
	}
	var last []string
	for n := range 9 {
		last = append(last, fmt.Sprintf("*/b%d", n))
	}
	return append(limits, last)
}

func names(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("p%d", i))
	}
	return names
}

func narrowed(t testing.TB, v *myvault.Vault, allow []string, limits ...[]string) *myvault.Session {
	t.Helper()
	v.SetPolicy(policyOf(t, allow, nil))
	s := v.As("svc")
	for _, limit := range limits {
		s = s.Restrict(rules(t, limit...)...)
	}
	return s
}

// TestTheWorkOfAListOfProjectsIsBounded for any number of projects and any limits.
func TestTheWorkOfAListOfProjectsIsBounded(t *testing.T) {
	projects := names(1000)
	own := func(format string) (rules []string) {
		for _, project := range projects {
			rules = append(rules, fmt.Sprintf(format, project, project))
		}
		return rules
	}
	long := strings.Repeat("*a", 60)
	for name, c := range map[string]struct {
		allow, deny []string
		limits      [][]string
	}{
		"the same in all projects":  {[]string{"*/@list"}, nil, tangled()},
		"something else in each":    {append(own("%s/%s"), "*/*"), nil, tangled()},
		"no action in common":       {append(own("%s/%s"), "*/@read"), nil, [][]string{numbered(100, "*/a%d@list"), numbered(100, "*/*a%d@list")}},
		"patterns of the most size": {append(own("%s/%s"), "*/*b"), nil, [][]string{numbered(50, "*/"+long+"%d"), numbered(50, "*/"+long+"%d*")}},
		"all of it forbidden":       {[]string{"*/@list"}, numbered(100, "*/*a%d*"), [][]string{numbered(100, "*/*a%d*"), {"*/*"}, {"*/*"}}},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			v := openVault(t, myvault.Config{})
			s := narrowed(t, v, c.allow, c.limits...)
			v.SetPolicy(policyOf(t, c.allow, c.deny))
			is.Equal(len(myvault.Visible(s, projects...)), 0)
		})
	}
}

func numbered(n int, format string) (rules []string) {
	for i := range n {
		rules = append(rules, fmt.Sprintf(format, i))
	}
	return rules
}

// TestAListOfProjectsHasOneBudget checks that projects after one that used up the budget are
// missing in the list, but are found by name.
func TestAListOfProjectsHasOneBudget(t *testing.T) {
	is := is.New(t)
	limits := tangled()
	for i, limit := range limits {
		limits[i] = append([]string{"a/", "z/"}, limit...)
	}
	v := openVault(t, myvault.Config{})
	v.SetPolicy(policyOf(t, []string{"*/"}, nil))
	for _, name := range []string{"a", "m", "z"} {
		_, err := v.As("svc").PutProject(t.Context(), myvault.Project{Name: name})
		is.NoErr(err)
	}
	s := narrowed(t, v, []string{"*/"}, limits...)
	var seen []string
	for p, err := range s.Projects(t.Context()) {
		is.NoErr(err)
		seen = append(seen, p.Name)
	}
	is.Equal(seen, []string{"a"})
	_, err := s.Project(t.Context(), "z")
	is.NoErr(err)
}

// TestALongListOfProjectsIsExact with ordinary rules, even if each project has its own.
func TestALongListOfProjectsIsExact(t *testing.T) {
	is := is.New(t)
	projects := names(1000)
	var allow []string
	for n, project := range projects {
		allow = append(allow, fmt.Sprintf("%s/%s/db%d", project, []string{"prod", "dev"}[n%2], n))
	}
	s := narrowed(t, openVault(t, myvault.Config{}), allow, []string{"*/prod/", "*/test/"}, []string{"*/*/db*@read+list"}, []string{"*/@list"})
	seen := myvault.Visible(s, projects...)
	is.Equal(len(seen), 500)
	is.Equal(seen[1], "p2")
}

// TestAListOfProjectsEndsWithItsContext with every provider: the session does the search.
func TestAListOfProjectsEndsWithItsContext(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	s := narrowed(t, v, []string{"*/"}, []string{"*/"})
	for _, name := range names(3) {
		_, err := s.PutProject(t.Context(), myvault.Project{Name: name})
		is.NoErr(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	listed := 0
	var last error
	for _, err := range s.Projects(ctx) {
		if last = err; err == nil {
			listed++
			cancel()
		}
	}
	is.Equal(listed, 1)
	is.True(errors.Is(last, context.Canceled))
}
