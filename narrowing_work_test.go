package myvault_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
)

// tangled gives limits in which there are very many ways to choose, and none that the last limit takes.
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

// TestTheWorkOfAListOfProjectsIsBounded by one figure, however many projects there are and whatever the limits are.
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

// TestAListOfProjectsHasOneBudget: what is behind a project that used it up is not seen in that list, and is by itself.
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

// TestALongListOfProjectsIsExact where the rules are ordinary ones, also where each project has its own.
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

// TestAListOfProjectsEndsWithItsContext, whoever the provider is: the search for what is visible is work of the session.
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
