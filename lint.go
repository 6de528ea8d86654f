package myvault

import (
	"fmt"
	"slices"
	"strings"
)

// Finding is something in a policy that is legal and, unless it is a note, probably not meant.
type Finding struct {
	Setting string // such as ALLOW_newsbot
	Rule    Rule   // zero where the finding is not about one rule
	Reason  string // one line for people
	Note    bool   // often meant, but worth knowing
}

// String gives one line such as "DENY_newsbot: billing/: it forbids nothing that ALLOW_newsbot gives".
func (f Finding) String() string {
	if f.Rule.project == "" {
		return f.Setting + ": " + f.Reason
	}
	return fmt.Sprintf("%s: %s: %s", f.Setting, f.Rule, f.Reason)
}

// Lint gives what in the policy can have no effect, service by service: an ALLOW rule that
// DENY takes back whole, a rule that another one of its list contains, a DENY rule that
// forbids nothing which ALLOW gives, a service that may do nothing, and a token that two
// services share. A rule is compared with one other rule at a time, so that several
// which contain it only together are not found.
//
// It also reports a DENY rule that reaches less than its spelling suggests: x/y covers one secret,
// and x/y/* one level. If that is meant, a second rule for the rest, such as x/y/, ends the report.
// Notes are about a DENY that names no action where ALLOW grants destroy or audit, and about cn:
// identities.
func (p *Policy) Lint() []Finding {
	var findings []Finding
	owners := make(map[digest]string)
	for _, name := range p.names {
		g := p.services[name]
		findings = append(findings, g.lint(name)...)
		findings = append(findings, p.lintIdentities(name)...)
		for _, token := range g.tokens {
			if owner, taken := owners[token]; taken {
				reason := fmt.Sprintf("a token of it is also one of %s: who has it is both", owner)
				if owner == name {
					reason = "one of its tokens is named twice"
				}
				findings = append(findings, Finding{Setting: tokenFamily + name, Reason: reason})
			}
			owners[token] = name
		}
	}
	return findings
}

func (g *grants) lint(name string) (findings []Finding) {
	allow, deny := allowFamily+name, denyFamily+name
	if len(g.allow) == 0 {
		findings = append(findings, Finding{Setting: allow, Reason: "there is no rule, so the service may do nothing"})
	}
	for n, r := range g.allow {
		reason := containedIn(g.allow, n)
		if i := slices.IndexFunc(g.deny, r.within); i >= 0 {
			reason = fmt.Sprintf("%s takes all of it back: %s", deny, g.deny[i])
		}
		if reason != "" {
			findings = append(findings, Finding{Setting: allow, Rule: r, Reason: reason})
		}
	}
	for n, r := range g.deny {
		reason := containedIn(g.deny, n)
		switch {
		case !slices.ContainsFunc(g.allow, r.meets):
			reason = fmt.Sprintf("it forbids nothing that %s gives%s", allow, g.why(r))
		case reason == "":
			reason = g.beyond(r)
		}
		if reason != "" {
			findings = append(findings, Finding{Setting: deny, Rule: r, Reason: reason})
		}
		if more := g.takes(r); more != 0 {
			reason := fmt.Sprintf("it names no action and so forbids %s too, which %s gives; to forbid less, name the actions", more, allow)
			findings = append(findings, Finding{Setting: deny, Rule: r, Reason: reason, Note: true})
		}
	}
	return findings
}

// why returns what may be wrong with a deny rule that forbids nothing.
func (g *grants) why(r Rule) string {
	if !slices.ContainsFunc(g.allow, func(a Rule) bool { return segmentsMeet(a.project, r.project) }) {
		return ": no rule of it names the project"
	}
	if wider := r.wider(); slices.ContainsFunc(g.allow, wider.meets) {
		return fmt.Sprintf("; %s would", wider)
	}
	return ""
}

// beyond returns what a deny rule leaves open although its spelling suggests that it is covered; ""
// if no ALLOW grants it or another DENY forbids it.
func (g *grants) beyond(r Rule) string {
	star := len(r.path) > 0 && r.path[len(r.path)-1] == "*"
	if r.below && !star {
		return ""
	}
	rest := r
	rest.below = !r.below
	if !slices.ContainsFunc(g.allow, rest.meets) || slices.ContainsFunc(g.deny, rest.within) {
		return ""
	}
	switch {
	case r.below:
		return fmt.Sprintf("it covers what is further down and no name of this level; %s covers both", r.wider())
	case star:
		return fmt.Sprintf("it covers one level and nothing below it; %s covers both", r.wider())
	}
	return fmt.Sprintf("it covers that one name and nothing below it; add %s if that is to be forbidden too", r.wider())
}

// wider returns the rule that covers everything below r, or, if r ends in "*", below its parent.
func (r Rule) wider() Rule {
	if last := len(r.path) - 1; last >= 0 && r.path[last] == "*" {
		r.path = r.path[:last]
	}
	r.below = true
	return r
}

// takes returns the actions that r forbids because it names none, that an ALLOW without actions
// would not grant, and that some ALLOW grants on an address that r covers.
func (g *grants) takes(r Rule) (taken Action) {
	if !r.bare {
		return 0
	}
	for _, a := range g.allow {
		if a.meets(r) {
			taken |= a.actions &^ usualActions
		}
	}
	return taken
}

// lintIdentities warns of common names: the constraints of an intermediate authority are checked
// against its URIs and DNS names alone.
func (p *Policy) lintIdentities(name string) []Finding {
	for identity, owner := range p.identities {
		if owner == name && strings.HasPrefix(identity, nameKind) {
			return []Finding{{Setting: certFamily + name, Note: true, Reason: "an authority's name constraints do not bind cn:, so any authority below yours can issue it for any name; use uri: or dns: if you have such authorities"}}
		}
	}
	return nil
}

// containedIn tells which other rule makes rules[n] superfluous; of two equal ones the later is.
func containedIn(rules []Rule, n int) string {
	for i, other := range rules {
		if i == n || !rules[n].within(other) || i > n && other.within(rules[n]) {
			continue
		}
		return fmt.Sprintf("it says no more than %s", other)
	}
	return ""
}

// within reports whether other covers everything that r covers, for all of its actions.
func (r Rule) within(other Rule) bool {
	if r.actions&^other.actions != 0 || !segmentWithin(r.project, other.project) {
		return false
	}
	switch {
	case !other.below && (r.below || len(r.path) != len(other.path)):
		return false
	case other.below && len(r.path) < len(other.path), other.below && !r.below && len(r.path) == len(other.path):
		return false
	}
	for i, pattern := range other.path {
		if !segmentWithin(r.path[i], pattern) {
			return false
		}
	}
	return true
}

// meets reports whether some address and action is of both rules.
func (r Rule) meets(other Rule) bool {
	if r.actions&other.actions == 0 || !segmentsMeet(r.project, other.project) || !r.asDeep(other) {
		return false
	}
	for i := range min(len(r.path), len(other.path)) {
		if !segmentsMeet(r.path[i], other.path[i]) {
			return false
		}
	}
	return true
}

// asDeep reports whether both rules cover paths of some one depth. The shorter reaches as deep as the other only by covering
// what is below.
func (r Rule) asDeep(other Rule) bool {
	switch {
	case len(r.path) < len(other.path):
		return r.below
	case len(r.path) > len(other.path):
		return other.below
	}
	return r.below == other.below
}

// segmentWithin reports whether whatever fits pattern fits other. A byte that no pattern
// holds stands for what a "*" of pattern may be: only a "*" of other can take it, and
// that takes anything else as well.
func segmentWithin(pattern, other string) bool {
	return matchSegment(other, strings.ReplaceAll(pattern, "*", "\x00"))
}

// segmentsMeet reports whether some segment fits both patterns, however long. Where both hold a "*", what stands before the first
// one and behind the last must agree as far as both have it: between them each takes whatever the other asks for.
func segmentsMeet(p, q string) bool {
	head, other := strings.IndexByte(p, '*'), strings.IndexByte(q, '*')
	switch {
	case head < 0:
		return matchSegment(q, p)
	case other < 0:
		return matchSegment(p, q)
	}
	head = min(head, other)
	tail := min(len(p)-strings.LastIndexByte(p, '*'), len(q)-strings.LastIndexByte(q, '*')) - 1
	return p[:head] == q[:head] && p[len(p)-tail:] == q[len(q)-tail:]
}
