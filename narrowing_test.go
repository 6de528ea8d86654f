package myvault_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
)

// TestANarrowedSessionSeesProjectsInWhichItMaySomething, and no other one, by its list and by asking.
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

// TestVisibleProjectsAreThoseWithSomethingInThem holds random restrictions against every short address.
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
