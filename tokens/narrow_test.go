package tokens_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/tokens"
)

var someActions = []myvault.Action{myvault.Read, myvault.Write, myvault.Delete, myvault.List, myvault.Destroy, myvault.Audit}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// upToTwo returns a set of one or two actions.
func upToTwo(r *rand.Rand) myvault.Action {
	one := pick(r, someActions...)
	return one | pick(r, someActions...)
}

// randomRule returns a rule over the names that random addresses have.
func randomRule(t testing.TB, r *rand.Rand) myvault.Rule {
	t.Helper()
	parts := []string{pick(r, "newsbot", "common", "*", "news*")}
	for range r.IntN(3) {
		parts = append(parts, pick(r, "prod", "dev", "*", "d*", "db"))
	}
	text := strings.Join(parts, "/") + pick(r, "", "/", "/")
	if len(parts) == 1 {
		text = parts[0] + "/"
	}
	if r.IntN(2) == 0 {
		text += "@" + upToTwo(r).String()
	}
	return rules(t, text)[0]
}

func randomRules(t testing.TB, r *rand.Rand) []myvault.Rule {
	some := make([]myvault.Rule, 1+r.IntN(3))
	for i := range some {
		some[i] = randomRule(t, r)
	}
	return some
}

func randomAddress(r *rand.Rand) myvault.Address {
	path := pick(r, "prod", "dev", "db")
	for range r.IntN(3) {
		path += "/" + pick(r, "prod", "dev", "db")
	}
	return myvault.Address{Project: pick(r, "newsbot", "common", "rag"), Path: path}
}

// reference returns the decisions of a policy whose only service has the rules allow.
func reference(t testing.TB, allow []myvault.Rule) func(myvault.Action, myvault.Address) bool {
	t.Helper()
	p, err := myvault.NewPolicy(myvault.Service{Name: "x", Allow: allow})
	if err != nil {
		t.Fatal(err)
	}
	return func(a myvault.Action, addr myvault.Address) bool { return p.Allows("x", a, addr) }
}

// Each of 10,000 randomly narrowed tokens has exactly the rights that its parent has and its
// caveat allows, and so never more than the policy grants.
func TestNarrowNeverAddsRights(t *testing.T) {
	is := is.New(t)
	const derivations, questions = 10_000, 12
	r := rand.New(rand.NewPCG(6, 2))
	v, err := myvault.New(memory.New(memory.Config{}), usual(t), myvault.Config{Reads: myvault.ReadsOff})
	is.NoErr(err)
	defer v.Close()
	issuer, err := tokens.New(v, tokens.Config{})
	is.NoErr(err)
	asked, allowed := 0, 0
	for n := 0; n < derivations; {
		if n%100 == 0 {
			v.SetPolicy(policy(t, shared, randomRule(t, r).String(), randomRule(t, r).String(), "newsbot/"))
		}
		granted := randomRules(t, r)
		parent := mint(t, issuer, newsbot(t, v), tokens.Grant{Rules: granted})
		bearer := parent.Bearer
		may := []func(myvault.Action, myvault.Address) bool{reference(t, granted)}
		before := mustLogin(t, issuer, bearer)
		for range 1 + r.IntN(5) {
			some := randomRules(t, r)
			caveat, limit := tokens.Rules(some...), reference(t, some)
			if r.IntN(3) == 0 {
				set := upToTwo(r)
				caveat, limit = tokens.Actions(set), func(a myvault.Action, _ myvault.Address) bool { return a&set == a }
			}
			bearer, err = tokens.Narrow(bearer, caveat)
			is.NoErr(err)
			may = append(may, limit)
			child := mustLogin(t, issuer, bearer)
			for range questions {
				a, addr := pick(r, someActions...), randomAddress(r)
				want := v.Policy().Allows("newsbot", a, addr)
				for _, limit := range may {
					want = want && limit(a, addr)
				}
				got := explainAllows(t, child, a, addr)
				if got != want || got && !explainAllows(t, before, a, addr) {
					t.Fatalf("%s %s with %v: %v, want %v", a, addr, parsed(t, bearer).Caveats(), got, want)
				}
				asked++
				if got {
					allowed++
				}
			}
			before = child
			n++
		}
		is.NoErr(issuer.Revoke(t.Context(), newsbot(t, v), parent.ID))
	}
	t.Logf("%d derivations: %d questions, %d allowed, none beyond parent or policy", derivations, asked, allowed)
	is.True(allowed > 1000) // the random questions are meaningful
}

func mustLogin(t testing.TB, i *tokens.Issuer, bearer myvault.Value) *myvault.Session {
	t.Helper()
	s, err := login(t, i, bearer)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// explainAllows reports whether s.Explain allows the action.
func explainAllows(t testing.TB, s *myvault.Session, a myvault.Action, addr myvault.Address) bool {
	t.Helper()
	d, err := s.Explain(t.Context(), "newsbot", a, addr)
	if err != nil {
		t.Fatal(err)
	}
	return d.Allowed
}
