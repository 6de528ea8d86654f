package pattern_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/pattern"
)

func parse(t testing.TB, text string) pattern.Rule {
	t.Helper()
	r, err := pattern.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	r.Actions = 1
	return r
}

// names has every path of up to three segments.
func names() (all []string) {
	below := []string{""}
	for range 3 {
		var next []string
		for _, path := range below {
			for _, segment := range []string{"a", "b", "ab", "ba", "aab", "x"} {
				next = append(next, path+segment+"/")
				all = append(all, path+segment)
			}
		}
		below = next
	}
	return all
}

// TestTreeAndComparisons against one rule at a time, on random rules.
func TestTreeAndComparisons(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	all := names()
	for range 300 {
		rules := make([]pattern.Rule, 4)
		for i := range rules {
			path := ""
			for range random.IntN(3) {
				path += pick("a", "b", "a*", "*b", "*", "a*b") + "/"
			}
			rules[i] = parse(t, pick("p", "*")+"/"+path+pick("", "a", "*b"))
		}
		tree := pattern.NewTree(rules)
		covered := make([]int, len(rules))
		both := 0
		within := true
		for _, name := range all {
			any := false
			for i, r := range rules {
				if r.Covers("p", name) {
					covered[i]++
					any = true
				}
			}
			if tree.Covers(1, "p", name) != any {
				t.Fatalf("%v: the tree says %t of %s", rules, !any, name)
			}
			first, second := rules[0].Covers("p", name), rules[1].Covers("p", name)
			if first && second {
				both++
			}
			within = within && (!first || second)
		}
		if both > 0 && !rules[0].Overlaps(rules[1]) {
			t.Fatalf("%v and %v overlap", rules[0], rules[1])
		}
		if rules[0].Within(rules[1]) && !within {
			t.Fatalf("%v is not within %v", rules[0], rules[1])
		}
	}
}

// TestIntersectionIsBounded with very many combinations of rules, none of which overlaps the last
// list. Only a search that is cut off reports nothing for a list that allows something.
func TestIntersectionIsBounded(t *testing.T) {
	is := is.New(t)
	list := func(n int, format string) (rules []pattern.Rule) {
		for i := range n {
			rules = append(rules, parse(t, fmt.Sprintf(format, i)))
		}
		return rules
	}
	long := "*/*" + strings.Repeat("a", 105) + "%d*"
	last := append(list(9, "*/b%d"), parse(t, "z/"))
	x := pattern.NewIntersection(nil, append(list(8, long), parse(t, "z/")), list(8, long), list(8, long), list(8, long), last)
	is.True(!x.AllowsIn("a"))
	is.True(!x.AllowsIn("z")) // the steps are used up
	is.True(!x.AllowsNothing())
	y := pattern.NewIntersection(nil, []pattern.Rule{parse(t, "z/")}, last)
	is.True(y.AllowsIn("z") && !y.AllowsIn("a"))
	is.True(y.AllowsWithin(1, parse(t, "z/q/")) && !y.AllowsWithin(1, parse(t, "q/")))
}
