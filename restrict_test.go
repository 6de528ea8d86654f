package myvault_test

import (
	"errors"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
)

// TestANarrowedSessionChangesProjectsThatItsLimitsCover: each limit must cover the whole project.
// Limits without a common address have no common project either.
func TestANarrowedSessionChangesProjectsThatItsLimitsCover(t *testing.T) {
	for name, c := range map[string]struct {
		allow             []string
		limits            [][]string
		describe, dismiss bool
		choose            bool // the default project
	}{
		"none":              {[]string{"*/"}, nil, true, true, true},
		"everything":        {[]string{"*/"}, [][]string{{"*/"}}, true, true, true},
		"the project":       {[]string{"*/"}, [][]string{{"newsbot/"}}, true, true, false},
		"its writes":        {[]string{"*/"}, [][]string{{"*/@write"}}, true, false, true},
		"its deletes":       {[]string{"*/"}, [][]string{{"*/@delete"}}, false, true, false},
		"a part of it":      {[]string{"*/"}, [][]string{{"newsbot/b/"}}, false, false, false},
		"a path of each":    {[]string{"*/"}, [][]string{{"*/b/"}}, false, false, false},
		"apart from grants": {[]string{"newsbot/a/", "*/zz/@write"}, [][]string{{"newsbot/b/@write"}}, false, false, false},
		"apart":             {[]string{"*/"}, [][]string{{"*/nowhere@write"}, {"*/elsewhere@write"}}, false, false, false},
		"one is a part":     {[]string{"*/"}, [][]string{{"*/"}, {"newsbot/b/"}}, false, false, false},
		"both whole":        {[]string{"*/"}, [][]string{{"*/"}, {"newsbot/"}}, true, true, false},
		"grants in part":    {[]string{"*/a/"}, [][]string{{"*/"}}, true, false, true}, // the service needs only a part
		"nothing":           {[]string{"*/"}, [][]string{{}}, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			v := openVault(t, myvault.Config{})
			v.SetPolicy(policyOf(t, []string{"*/"}, nil))
			_, err := v.As("svc").PutProject(t.Context(), myvault.Project{Name: "newsbot", Description: "mine"})
			is.NoErr(err)
			v.SetPolicy(policyOf(t, c.allow, nil))
			s := v.As("svc")
			for _, limit := range c.limits {
				s = s.Restrict(rules(t, limit...)...)
			}
			may := func(err error) bool {
				is.True(err == nil || errors.Is(err, myvault.ErrDenied))
				return err == nil
			}
			_, err = s.PutProject(t.Context(), myvault.Project{Name: "newsbot", Description: "another"})
			is.Equal(may(err), c.describe)
			_, err = s.SetDefaultProject(t.Context(), "newsbot")
			is.Equal(may(err), c.choose)
			is.Equal(may(s.DeleteProject(t.Context(), "newsbot")), c.dismiss)
		})
	}
}

// TestANarrowedSessionIsToldItsLimitsAlone, and nothing of the rules that its service has.
func TestANarrowedSessionIsToldItsLimitsAlone(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	v := openVault(t, myvault.Config{})
	v.SetPolicy(policyOf(t, []string{"*/@read+write+audit"}, []string{"newsbot/hidden"}))
	s := v.As("svc")
	rights, err := s.Rights(ctx)
	is.NoErr(err)
	is.Equal(rights, myvault.Rights{Allow: rules(t, "*/@read+write+audit"), Deny: rules(t, "newsbot/hidden")})

	first, second := rules(t, "newsbot/", "common/@read"), rules(t, "*/@read")
	narrowed := s.Restrict(first...).Restrict(second...)
	rights, err = narrowed.Rights(ctx)
	is.NoErr(err)
	is.Equal(rights, myvault.Rights{Limits: [][]myvault.Rule{first, second}})
	rights.Limits[0][0] = rules(t, "*/")[0] // it is a copy
	_, err = narrowed.Get(ctx, myvault.Address{Project: "other", Path: "x"})
	is.True(errors.Is(err, myvault.ErrDenied))

	reasons := make(map[string]int)
	for _, q := range []struct {
		action  myvault.Action
		path    string
		allowed bool
	}{
		{myvault.Read, "db", true},
		{myvault.Write, "db", false},    // not within the limits
		{myvault.Destroy, "db", false},  // nor in the policy
		{myvault.Read, "hidden", false}, // within the limits, and denied
		{myvault.Audit, "hidden", false},
	} {
		d, err := narrowed.Explain(ctx, "svc", q.action, myvault.Address{Project: "newsbot", Path: q.path})
		is.NoErr(err)
		is.Equal(d.Allowed, q.allowed)
		is.Equal(d.Rule, myvault.Rule{})
		reasons[d.Reason]++
	}
	is.Equal(len(reasons), 2) // one reason if it is allowed, one if it is not
	nothing, err := s.Restrict().Rights(ctx)
	is.NoErr(err)
	is.Equal(len(nothing.Limits), 1)
}
