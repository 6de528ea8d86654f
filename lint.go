package myvault

import (
	"fmt"
	"slices"
	"strings"
)

// Finding is something in a policy that is legal and probably not meant.
type Finding struct {
	Setting string // such as ALLOW_newsbot
	Rule    Rule   // zero where the finding is not about one rule
	Reason  string // one line for people
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
func (p *Policy) Lint() []Finding {
	var findings []Finding
	owners := make(map[digest]string)
	for _, name := range p.names {
		g := p.services[name]
		findings = append(findings, g.lint(name)...)
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
			findings = append(findings, Finding{allow, r, reason})
		}
	}
	for n, r := range g.deny {
		reason := containedIn(g.deny, n)
		if !slices.ContainsFunc(g.allow, r.meets) {
			reason = fmt.Sprintf("it forbids nothing that %s gives", allow)
		}
		if reason != "" {
			findings = append(findings, Finding{deny, r, reason})
		}
	}
	return findings
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
