package myvault_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
)

func TestLint(t *testing.T) {
	for name, c := range map[string]struct{ allow, deny, want []string }{
		"nothing to say": {allow: []string{"newsbot/prod/", "common/*/@read"}, deny: []string{"newsbot/prod/billing/"}},
		"no rule":        {want: []string{"ALLOW_svc: there is no rule, so the service may do nothing"}},
		"taken back": {
			[]string{"newsbot/prod/", "common/x@read"}, []string{"newsbot/"},
			[]string{"ALLOW_svc: newsbot/prod/: DENY_svc takes all of it back: newsbot/"},
		},
		"taken back in part": {allow: []string{"newsbot/prod/"}, deny: []string{"newsbot/@write"}},
		"superfluous": {
			allow: []string{"newsbot/", "newsbot/prod/db", "newsbot/prod/db@destroy"},
			want:  []string{"ALLOW_svc: newsbot/prod/db: it says no more than newsbot/"},
		},
		"twice": {allow: []string{"x/", "x:"}, want: []string{"ALLOW_svc: x/: it says no more than x/"}},
		"glob in glob": {
			allow: []string{"app-*/", "app-*-eu/", "*pp-x/"},
			want:  []string{"ALLOW_svc: app-*-eu/: it says no more than app-*/"},
		},
		"forbids nothing": {
			[]string{"newsbot/prod/", "rag/prod/db/x"}, []string{"billing/", "newsbot/prod", "newsbot/*/db", "newsbot/prod/x@destroy", "rag/prod/db"},
			[]string{
				"DENY_svc: billing/: it forbids nothing that ALLOW_svc gives",
				"DENY_svc: newsbot/prod: it forbids nothing that ALLOW_svc gives",
				"DENY_svc: newsbot/prod/x@destroy: it forbids nothing that ALLOW_svc gives",
				"DENY_svc: rag/prod/db: it forbids nothing that ALLOW_svc gives",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			var got []string
			for _, f := range policyOf(t, c.allow, c.deny).Lint() {
				got = append(got, f.String())
			}
			is.Equal(got, c.want)
		})
	}
}

func TestLintFindsSharedTokens(t *testing.T) {
	is := is.New(t)
	p, err := myvault.NewPolicy(
		myvault.Service{Name: "a", Tokens: []string{"0123456789abcdef", "fedcba9876543210", "0123456789abcdef"}, Allow: rules(t, "x/")},
		myvault.Service{Name: "b", Tokens: []string{"fedcba9876543210"}, Allow: rules(t, "x/")},
	)
	is.NoErr(err)
	findings := p.Lint()
	is.Equal(len(findings), 2)
	is.Equal(findings[0].String(), "TOKEN_a: one of its tokens is named twice")
	is.Equal(findings[1].String(), "TOKEN_b: a token of it is also one of a: who has it is both")
}

// What Lint says of a rule is held against Allows, on random policies and addresses: without
// the rule the policy must decide the same.
func TestWhatLintFindsHasNoEffect(t *testing.T) {
	is := is.New(t)
	random := rand.New(rand.NewPCG(11, 7))
	found := 0
	for range 3000 {
		allow, deny := randomRules(t, random, 1+random.IntN(3)), randomRules(t, random, random.IntN(3))
		whole := policyOf(t, allow, deny)
		for _, f := range whole.Lint() {
			found++
			smaller := policyOf(t, allow, leaveOut(deny, f.Rule.String()))
			if f.Setting == "ALLOW_svc" {
				smaller = policyOf(t, leaveOut(allow, f.Rule.String()), deny)
			}
			for range 60 {
				addr := randomAddress(random)
				for _, a := range []myvault.Action{myvault.Read, myvault.Write} {
					if whole.Allows("svc", a, addr) != smaller.Allows("svc", a, addr) {
						t.Fatalf("%s\n%v %v, without it another decision on %v %s", f, allow, deny, a, addr)
					}
				}
			}
		}
	}
	is.True(found > 1000)
}

// leaveOut leaves the last rule out that is spelled as r.
func leaveOut(rules []string, r string) []string {
	for i := len(rules) - 1; i >= 0; i-- {
		if rules[i] == r {
			return slices.Delete(slices.Clone(rules), i, i+1)
		}
	}
	return rules
}

// randomRules gives rules in their shortest spelling.
func randomRules(t *testing.T, random *rand.Rand, n int) (texts []string) {
	t.Helper()
	segments := []string{"*", "a", "b", "a*", "*b", "ab", "a*b", "*a*"}
	pick := func(of []string) string { return of[random.IntN(len(of))] }
	for range n {
		text := pick(segments) + "/"
		for range random.IntN(3) {
			text += pick(segments) + "/"
		}
		if strings.Count(text, "/") > 1 && random.IntN(2) == 0 {
			text = strings.TrimSuffix(text, "/")
		}
		texts = append(texts, rules(t, text+pick([]string{"", "@read", "@read+write"}))[0].String())
	}
	return texts
}

func randomAddress(random *rand.Rand) myvault.Address {
	segments := []string{"a", "b", "ab", "aab", "abb", "bab", "aa"}
	pick := func() string { return segments[random.IntN(len(segments))] }
	path := pick()
	for range random.IntN(3) {
		path += "/" + pick()
	}
	return myvault.Address{Project: pick(), Path: path}
}
