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
			[]string{"ALLOW_svc: newsbot/prod/: DENY_svc revokes all of it: newsbot/"},
		},
		"taken back in part": {allow: []string{"newsbot/prod/"}, deny: []string{"newsbot/@write"}},
		"superfluous": {
			allow: []string{"newsbot/", "newsbot/prod/db", "newsbot/prod/db@destroy"},
			want:  []string{"ALLOW_svc: newsbot/prod/db: it adds nothing to newsbot/"},
		},
		"twice": {allow: []string{"x/", "x:"}, want: []string{"ALLOW_svc: x/: it adds nothing to x/"}},
		"glob in glob": {
			allow: []string{"app-*/", "app-*-eu/", "*pp-x/"},
			want:  []string{"ALLOW_svc: app-*-eu/: it adds nothing to app-*/"},
		},
		"forbids nothing": {
			[]string{"newsbot/prod/", "rag/prod/db/x"}, []string{"billing/", "newsbot/prod", "newsbot/*/db", "newsbot/prod/x@destroy", "rag/prod/db"},
			[]string{
				"DENY_svc: billing/: it forbids nothing that ALLOW_svc allows: no rule of it names the project",
				"DENY_svc: newsbot/prod: it forbids nothing that ALLOW_svc allows; newsbot/prod/ would",
				"DENY_svc: newsbot/*/db: it covers that one name and nothing below it; add newsbot/*/db/ to forbid that too",
				"DENY_svc: newsbot/prod/x@destroy: it forbids nothing that ALLOW_svc allows",
				"DENY_svc: rag/prod/db: it forbids nothing that ALLOW_svc allows; rag/prod/db/ would",
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
	is.Equal(findings[0].String(), "TOKEN_a: one of its tokens is given twice")
	is.Equal(findings[1].String(), "TOKEN_b: one of its tokens is also one of a: whoever has it is both")
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
			if strings.Contains(f.Reason, "it covers") {
				continue // it has an effect, and a smaller one than its reader expects
			}
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

// TestLintFindsADenyThatReachesLess than its reader expects: the rest is covered by another
// spelling would cover.
func TestLintFindsADenyThatReachesLess(t *testing.T) {
	const one, level, within, nothing = "it covers that one name and nothing below it", "it covers one level and nothing below it", "it covers what is further down", "it forbids nothing"
	for _, c := range []struct{ allow, deny, want string }{
		{"newsbot/", "newsbot/hidden", one},
		{"newsbot/", "newsbot/hidden,newsbot/hidden/", ""}, // both are named
		{"newsbot/", "newsbot/hidden/", ""},
		{"newsbot/", "newsbot/hidden@write", one},
		{"newsbot/", "newsbot/hidden@write,newsbot/hidden/", ""},
		{"newsbot/", "newsbot/hidden,newsbot/hidden/@write", one}, // not for the other actions
		{"*/", "*/prod/key-*", one},
		{"newsbot/hidden,newsbot/x", "newsbot/hidden", ""}, // nothing below it is allowed
		{"newsbot/hidden/a,newsbot/hidden", "newsbot/hidden", one},
		{"newsbot/", "newsbot/hidden/*", level},
		{"newsbot/", "newsbot/*", level},
		{"newsbot/", "newsbot/hidden/*,newsbot/hidden/", ""},
		{"newsbot/*", "newsbot/*@write", ""},
		{"newsbot/", "newsbot/hidden/*/", within},
		{"newsbot/", "newsbot/*/", within},
		{"newsbot/*/", "newsbot/*/@write", ""},
		{"newsbot/", "newsbot/*/secret/", ""}, // not at its end
		{"newsbot/", "newsbt/hidden/", "no rule of it names the project"},
		{"newsbot/dev/", "newsbot/prod/", nothing},
		{"*/", "billing/", ""},
	} {
		t.Run(c.allow+" but "+c.deny, func(t *testing.T) {
			is := is.New(t)
			var got []string
			for _, f := range policyOf(t, split(c.allow), split(c.deny)).Lint() {
				if f.Setting == "DENY_svc" && !strings.Contains(f.Reason, "it adds nothing to") {
					is.True(!f.Note)
					got = append(got, f.Reason)
				}
			}
			if c.want == "" {
				is.Equal(got, nil)
				return
			}
			is.Equal(len(got), 1)
			is.True(strings.Contains(got[0], c.want))
		})
	}
}

// TestLintNotes are about what is legal and often meant.
func TestLintNotes(t *testing.T) {
	is := is.New(t)
	p, err := myvault.NewPolicy(myvault.Service{
		Name: "svc", Allow: rules(t, "newsbot/", "newsbot/a/@destroy", "rag/x/@audit"), Deny: rules(t, "newsbot/a/", "newsbot/b/", "rag/@audit+read"),
		Certificates: []string{"dns:newsbot.internal", "cn:newsbot"},
	})
	is.NoErr(err)
	var notes []string
	for _, f := range p.Lint() {
		if f.Note {
			notes = append(notes, f.String())
		}
	}
	is.Equal(len(notes), 2)
	is.Equal(notes[0], "DENY_svc: newsbot/a/: it names no action and so forbids destroy too, which ALLOW_svc allows; to forbid less, name the actions")
	is.True(strings.HasPrefix(notes[1], "CERT_svc: name constraints do not apply to cn:"))
}
