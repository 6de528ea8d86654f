package myvault_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
)

// policyOf makes the policy of one service "svc".
func policyOf(t testing.TB, allow, deny []string) *myvault.Policy {
	t.Helper()
	p, err := myvault.NewPolicy(myvault.Service{Name: "svc", Allow: rules(t, allow...), Deny: rules(t, deny...)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func rules(t testing.TB, texts ...string) []myvault.Rule {
	t.Helper()
	var rules []myvault.Rule
	for _, text := range texts {
		r, err := myvault.ParseRule(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		rules = append(rules, r)
	}
	return rules
}

func address(t testing.TB, text string) myvault.Address {
	t.Helper()
	addr, err := myvault.ParseAddress(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return addr
}

type decision struct {
	action, addr string
	want         bool
}

func allow(action, addr string) decision { return decision{action, addr, true} }
func deny(action, addr string) decision  { return decision{action, addr, false} }

func TestPolicyDecides(t *testing.T) {
	for _, c := range []struct {
		allow, deny string
		decisions   []decision
	}{
		{"", "", []decision{deny("read", "newsbot/x")}},
		{"newsbot/prod/", "", []decision{
			allow("read", "newsbot/prod/db"), allow("write", "newsbot/prod/a/b"), allow("delete", "newsbot/prod/db"), allow("list", "newsbot/prod/db"),
			deny("destroy", "newsbot/prod/db"), deny("audit", "newsbot/prod/db"),
			deny("read", "newsbot/prod"), deny("read", "newsbot/production/x"), deny("read", "newsbot/dev/db"), deny("read", "Newsbot/prod/db"),
		}},
		{"common/*/", "", []decision{allow("read", "common/a/x"), allow("read", "common/a/b/c"), deny("read", "common/x")}},
		{"*/", "", []decision{allow("read", "a/x"), allow("list", "b/1/2/3")}},
		{"project:*/prod/", "", []decision{allow("read", "a/prod/x"), deny("read", "a/dev/x")}},
		{"common:", "", []decision{allow("read", "common/x"), allow("read", "common/a/b"), deny("read", "commons/x")}},
		{"p/db", "", []decision{allow("read", "p/db"), deny("read", "p/db/x"), deny("read", "p/dbx")}},
		{"p/db-*-x", "", []decision{allow("read", "p/db-1-x"), deny("read", "p/db--x"), deny("read", "p/db-1/-x"), allow("read", "p/db-1-x-2-x")}},
		{"p/*a*b", "", []decision{allow("read", "p/xaxb"), deny("read", "p/ab"), deny("read", "p/xab"), allow("read", "p/aaab"), allow("read", "p/日a本b")}},
		{"p/@read", "", []decision{allow("read", "p/x"), deny("list", "p/x"), deny("write", "p/x")}},
		{"p/@destroy", "", []decision{allow("destroy", "p/x"), deny("read", "p/x")}},
		{"*/,p/@destroy", "p/billing/", []decision{
			allow("read", "p/x"), allow("destroy", "p/x"), deny("read", "p/billing/x"), deny("destroy", "p/billing/x"), allow("read", "p/billing"),
		}},
		{"p/@read+write+delete+list+destroy+audit", "p/hidden/,p/x", []decision{ // a DENY without actions denies all of them
			deny("destroy", "p/hidden/a"), deny("audit", "p/hidden/a"), deny("read", "p/hidden/a"), deny("destroy", "p/x"), allow("destroy", "p/x/y"),
		}},
		{"p/@read+write+delete+list+destroy+audit", "p/a/@read+write+delete+list,p/b/@destroy", []decision{ // and one with actions just those
			deny("read", "p/a/x"), allow("destroy", "p/a/x"), allow("audit", "p/a/x"), allow("read", "p/b/x"), deny("destroy", "p/b/x"),
		}},
		{"*/", "*/", []decision{deny("read", "p/x"), deny("destroy", "p/x")}},
		{"p/", "", []decision{deny("destroy", "p/x"), deny("audit", "p/x")}}, // an ALLOW without actions grants four
		{"*/", "*/prod/@write+delete", []decision{allow("read", "p/prod/x"), deny("write", "p/prod/x"), allow("write", "p/dev/x")}},
	} {
		p := policyOf(t, split(c.allow), split(c.deny))
		for _, d := range c.decisions {
			t.Run(fmt.Sprintf("%s but %s: %s %s", c.allow, c.deny, d.action, d.addr), func(t *testing.T) {
				is := is.New(t)
				action, err := myvault.ParseAction(d.action)
				is.NoErr(err)
				is.Equal(p.Allows("svc", action, address(t, d.addr)), d.want)
				is.Equal(p.Explain("svc", action, address(t, d.addr)).Allowed, d.want) // Explain agrees
				is.True(!p.Allows("other", action, address(t, d.addr)))                // a stranger may nothing
			})
		}
	}
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}

func TestNobodyReachesReservedProjects(t *testing.T) {
	is := is.New(t)
	p := policyOf(t, []string{"*/", "*/@destroy+audit"}, nil)
	is.True(!p.Allows("svc", myvault.Read, myvault.Address{Project: ".vault", Path: "x"}))
	is.True(!p.Allows("svc", myvault.Audit, myvault.Address{Project: ".vault", Path: "x"}))
}

func TestNoActionIsNeverAllowed(t *testing.T) {
	is := is.New(t)
	p := policyOf(t, []string{"*/"}, nil)
	is.True(!p.Allows("svc", 0, address(t, "p/x")))
	is.True(!p.Allows("svc", 1<<7, address(t, "p/x")))
	is.True(p.Allows("svc", myvault.Read|myvault.List, address(t, "p/x")))
	is.True(!p.Allows("svc", myvault.Read|myvault.Destroy, address(t, "p/x")))
}

func TestExplainNamesTheRule(t *testing.T) {
	is := is.New(t)
	p := policyOf(t, []string{"a/", "*/prod/@read+destroy"}, []string{"*/prod/billing/"})
	is.Equal(p.Explain("svc", myvault.Read, address(t, "b/prod/x")).Reason, "allowed by ALLOW_svc: */prod/@read+destroy")
	is.Equal(p.Explain("svc", myvault.Read, address(t, "b/prod/billing/x")).Rule.String(), "*/prod/billing/")
	is.Equal(p.Explain("svc", myvault.Destroy, address(t, "b/prod/billing/x")).Reason, "denied by DENY_svc: */prod/billing/")
	is.Equal(len(p.Who(myvault.Destroy, address(t, "b/prod/billing/x"))), 0)
	is.Equal(p.Explain("svc", myvault.Read, address(t, "b/dev/x")).Reason, "no rule of ALLOW_svc allows read here")
	is.True(!p.Explain("nobody", myvault.Read, address(t, "a/x")).Allowed)
	is.Equal(p.Who(myvault.Read, address(t, "a/x")), []string{"svc"})
	is.Equal(len(p.Who(myvault.Read, address(t, "b/dev/x"))), 0)
}

// referenceAllows is the meaning of rules in the fewest lines: each becomes a regular expression.
func referenceAllows(allow, deny []string, action, addr string) bool {
	covers := func(rule, actions string) bool {
		if at := strings.LastIndex(rule, "@"); at >= 0 {
			rule, actions = rule[:at], rule[at+1:]
		}
		if !strings.Contains("+"+actions+"+", "+"+action+"+") {
			return false
		}
		rest, prefixed := strings.CutPrefix(rule, "project:")
		at := strings.IndexAny(rest, "/:")
		if prefixed {
			at = strings.Index(rest, "/")
		}
		project, path := rest[:at], rest[at+1:]
		pattern := strings.ReplaceAll(regexp.QuoteMeta(project+"/"+path), `\*`, `[^/]+`)
		if path == "" || strings.HasSuffix(path, "/") {
			pattern += ".+"
		}
		return regexp.MustCompile("^" + pattern + "$").MatchString(addr)
	}
	any := func(rules []string, unnamed string) bool {
		for _, r := range rules {
			if covers(r, unnamed) {
				return true
			}
		}
		return false
	}
	const four = "read+write+delete+list"
	return any(allow, four) && !any(deny, four+"+destroy+audit")
}

// TestPolicyAgreesWithReference asks a million random questions, made of few letters so
// that about half of them match.
func TestPolicyAgreesWithReference(t *testing.T) {
	is := is.New(t)
	const questions, perPolicy = 1_000_000, 500
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	segment := func() string { return pick("a", "b", "ab", "aa", "aba", "bé", "ébé") }
	pattern := func() string { return pick("a", "ab", "*", "*", "a*", "*b", "a*a", "*b*", "b*é", "aa") }
	rule := func() string {
		r := pick("", "project:") + pattern() + "/"
		if depth := random.IntN(4); depth > 0 {
			for range depth {
				r += pattern() + "/"
			}
			if random.IntN(2) == 0 {
				r = strings.TrimSuffix(r, "/")
			}
		}
		return r + pick("", "", "@read", "@write+list", "@destroy", "@read+audit")
	}
	ruleList := func(n int) (list []string) {
		for range n {
			list = append(list, rule())
		}
		return list
	}
	memo := make(map[string]bool)
	allowed := 0
	for range questions / perPolicy {
		allow, deny := ruleList(1+random.IntN(3)), ruleList(random.IntN(2))
		p := policyOf(t, allow, deny)
		clear(memo)
		for range perPolicy {
			addr := segment() + "/" + segment()
			for range random.IntN(3) {
				addr += "/" + segment()
			}
			action, name := myvault.Action(1)<<random.IntN(6), ""
			name = action.String()
			want, known := memo[name+addr]
			if !known {
				want = referenceAllows(allow, deny, name, addr)
				memo[name+addr] = want
			}
			if got := p.Allows("svc", action, address(t, addr)); got != want {
				t.Fatalf("allow %q deny %q: %s %s: got %v", allow, deny, name, addr, got)
			}
			if want {
				allowed++
			}
		}
	}
	is.True(allowed > questions/20 && allowed < questions*19/20) // both answers occur often
}

func TestNewPolicyReportsEverything(t *testing.T) {
	is := is.New(t)
	_, err := myvault.NewPolicy(
		myvault.Service{Name: "bad name"},
		myvault.Service{Name: "one", Tokens: []string{"has blank", "sha256:zz"}},
		myvault.Service{Name: "ONE"},
		myvault.Service{Name: "two", Allow: []myvault.Rule{{}}},
	)
	is.True(errors.Is(err, myvault.ErrInvalid))
	is.Equal(strings.Count(err.Error(), "\n")+1, 5) // one line for each
	is.True(!strings.Contains(err.Error(), "has blank"))
}

func TestWeakTokens(t *testing.T) {
	is := is.New(t)
	p, err := myvault.NewPolicy(
		myvault.Service{Name: "weak", Tokens: []string{"0123456789abcdef", "0123456789abcde"}},
		myvault.Service{Name: "good", Tokens: []string{"0123456789abcdef"}},
		myvault.Service{Name: "hashed", Tokens: []string{"sha256:" + strings.Repeat("ab", 32)}},
	)
	is.NoErr(err)
	is.Equal(p.WeakTokens(), []string{"weak"})
	is.Equal(p.Services(), []string{"good", "hashed", "weak"})
}

func BenchmarkPolicyAllows(b *testing.B) {
	many := []string{"project:newsbot/prod/", "common/*/"}
	for i := range 998 {
		many = append(many, fmt.Sprintf("project%d/prod/", i))
	}
	addr := address(b, "newsbot/prod/db/password")
	for name, allow := range map[string][]string{"rules=2": many[:2], "rules=1000": many} {
		p := policyOf(b, allow, []string{"billing/"})
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !p.Allows("svc", myvault.Read, addr) {
					b.Fatal("denied")
				}
			}
		})
	}
}
