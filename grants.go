package myvault

import (
	"errors"
	"fmt"
	"slices"

	"github.com/myswiftagent/myvault/internal/credential"
	"github.com/myswiftagent/myvault/internal/pattern"
)

// grants is what a policy has of one service. A session that was restricted also has one for each
// restriction.
type grants struct {
	allow, deny         []Rule
	givenDeny           []Rule // deny before asDeny
	allowTree, denyTree *pattern.Tree
	tokens              []credential.Digest
	weak                bool // one of the tokens is
	tokenAndCertificate bool // both are needed to log in
}

func newGrants(s Service) (*grants, error) {
	var wrong []error
	g := &grants{allow: slices.Clone(s.Allow), deny: slices.Clone(s.Deny), givenDeny: slices.Clone(s.Deny), tokenAndCertificate: s.CertificateAndToken}
	for _, r := range slices.Concat(s.Allow, s.Deny) {
		if r.pattern.Project == "" {
			wrong = append(wrong, fmt.Errorf("%w service %s: a zero Rule; make rules with ParseRule", ErrInvalid, s.Name))
		}
	}
	if len(s.Tokens) > maxTokens {
		wrong = append(wrong, fmt.Errorf("%w service %s: more than %d tokens", ErrInvalid, s.Name, maxTokens))
	}
	for n, text := range s.Tokens {
		d, weak, err := credential.ParseToken(text)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("service %s, token %d: %w", s.Name, n+1, invalid("token", err)))
		}
		g.tokens = append(g.tokens, d)
		g.weak = g.weak || weak
	}
	for n := range g.deny {
		g.deny[n] = g.deny[n].asDeny()
	}
	g.allowTree, g.denyTree = treeOf(g.allow), treeOf(g.deny)
	return g, errors.Join(wrong...)
}

// restriction returns the grants of a restriction to rules.
func restriction(rules []Rule) *grants {
	return &grants{allow: rules, allowTree: treeOf(rules), denyTree: treeOf(nil)}
}

func treeOf(rules []Rule) *pattern.Tree {
	patterns := make([]pattern.Rule, len(rules))
	for i, r := range rules {
		patterns[i] = r.pattern
	}
	return pattern.NewTree(patterns)
}

// allows reports whether a rule allows each action of the set, and none forbids it.
func (g *grants) allows(set Action, addr Address) bool {
	if set == 0 || set&^allActions != 0 || pattern.IsReserved(addr.Project) {
		return false
	}
	for rest := set; rest != 0; rest &= rest - 1 {
		one := pattern.Actions(rest & -rest)
		if !g.allowTree.Covers(one, addr.Project, addr.Path) || g.denyTree.Covers(one, addr.Project, addr.Path) {
			return false
		}
	}
	return true
}

// allowsAll reports whether a is allowed on everything that prefix selects. A deny rule for any
// part of the project is enough to refuse.
func (g *grants) allowsAll(a Action, prefix Prefix) bool {
	for _, r := range g.deny {
		if r.Actions()&a != 0 && (prefix.Project == "" || r.pattern.CoversProject(prefix.Project)) {
			return false
		}
	}
	return slices.ContainsFunc(g.allow, func(r Rule) bool {
		return r.Actions()&a == a && r.pattern.CoversBelow(prefix.Project, prefix.Path)
	})
}

// actionsIn returns the actions that are allowed somewhere in project.
func (g *grants) actionsIn(project string) Action {
	var actions Action
	for _, r := range g.allow {
		if r.pattern.CoversProject(project) {
			actions |= r.Actions()
		}
	}
	for _, r := range g.deny {
		if len(r.pattern.Path) == 0 && r.pattern.CoversProject(project) {
			actions &^= r.Actions()
		}
	}
	return actions
}

// deniesIn reports whether a deny rule is about project.
func (g *grants) deniesIn(project string) bool {
	return slices.ContainsFunc(g.deny, func(r Rule) bool { return r.pattern.CoversProject(project) })
}

// allowsDefault reports whether project may be made the default one. That concerns all projects,
// so it needs write by a rule for all of them.
func (g *grants) allowsDefault(project string) bool {
	return !g.deniesIn(project) && slices.ContainsFunc(g.allow, func(r Rule) bool {
		return r.pattern.Project == "*" && r.Actions()&Write != 0
	})
}

// allowsDeleteProject reports whether project may be deleted as a whole.
func (g *grants) allowsDeleteProject(project string) bool {
	return !g.deniesIn(project) && g.allowsAll(Delete, Prefix{Project: project})
}
