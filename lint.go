package myvault

import (
	"fmt"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault/internal/credential"
)

// Finding is something in a policy that is valid but probably a mistake, or worth a note.
type Finding struct {
	Setting string // such as ALLOW_newsbot
	Rule    Rule   // zero if the finding is not about one rule
	Reason  string // one line
	Note    bool   // probably intended, but worth knowing
}

// String returns one line, such as "DENY_newsbot: billing/: it forbids nothing that ALLOW_newsbot
// allows".
func (f Finding) String() string {
	if f.Rule.pattern.Project == "" {
		return f.Setting + ": " + f.Reason
	}
	return fmt.Sprintf("%s: %s: %s", f.Setting, f.Rule, f.Reason)
}

// Lint returns what in the policy has no effect, service by service: an ALLOW rule that DENY
// revokes completely, a rule that another one of its list contains, a DENY rule that forbids
// nothing that ALLOW allows, a service that may do nothing, and a token of two services. Rules are
// compared in pairs, so a rule that only several others together contain is not found.
//
// It also reports a DENY rule that covers less than its spelling suggests: x/y covers one secret,
// and x/y/* one level. If that is intended, a second rule for the rest, such as x/y/, ends the
// report. Notes are about a DENY rule without actions where ALLOW allows destroy or audit, and
// about cn: identities.
func (p *Policy) Lint() []Finding {
	var findings []Finding
	owners := make(map[credential.Digest]string)
	for _, name := range p.names {
		g := p.services[name]
		findings = append(findings, g.lint(name)...)
		findings = append(findings, p.lintIdentities(name)...)
		for _, token := range g.tokens {
			if owner, taken := owners[token]; taken {
				reason := fmt.Sprintf("one of its tokens is also one of %s: whoever has it is both", owner)
				if owner == name {
					reason = "one of its tokens is given twice"
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
			reason = fmt.Sprintf("%s revokes all of it: %s", deny, g.deny[i])
		}
		if reason != "" {
			findings = append(findings, Finding{Setting: allow, Rule: r, Reason: reason})
		}
	}
	for n, r := range g.deny {
		reason := containedIn(g.deny, n)
		switch {
		case !slices.ContainsFunc(g.allow, r.overlaps):
			reason = fmt.Sprintf("it forbids nothing that %s allows%s", allow, g.whyNothing(r))
		case reason == "":
			reason = g.notCovered(r)
		}
		if reason != "" {
			findings = append(findings, Finding{Setting: deny, Rule: r, Reason: reason})
		}
		if more := g.extraActions(r); more != 0 {
			reason := fmt.Sprintf("it names no action and so forbids %s too, which %s allows; to forbid less, name the actions", more, allow)
			findings = append(findings, Finding{Setting: deny, Rule: r, Reason: reason, Note: true})
		}
	}
	return findings
}

// whyNothing returns the probable mistake in a deny rule that forbids nothing.
func (g *grants) whyNothing(r Rule) string {
	if !slices.ContainsFunc(g.allow, func(a Rule) bool { return a.pattern.ProjectsOverlap(r.pattern) }) {
		return ": no rule of it names the project"
	}
	if wider := r.wider(); slices.ContainsFunc(g.allow, wider.overlaps) {
		return fmt.Sprintf("; %s would", wider)
	}
	return ""
}

// notCovered returns what a deny rule does not cover although its spelling suggests that it does.
// It returns "" if no ALLOW rule allows that or another DENY rule forbids it.
func (g *grants) notCovered(r Rule) string {
	path := r.pattern.Path
	star := len(path) > 0 && path[len(path)-1] == "*"
	if r.pattern.Below && !star {
		return ""
	}
	rest := r
	rest.pattern.Below = !r.pattern.Below
	if !slices.ContainsFunc(g.allow, rest.overlaps) || slices.ContainsFunc(g.deny, rest.within) {
		return ""
	}
	switch {
	case r.pattern.Below:
		return fmt.Sprintf("it covers what is further down and no name of this level; %s covers both", r.wider())
	case star:
		return fmt.Sprintf("it covers one level and nothing below it; %s covers both", r.wider())
	}
	return fmt.Sprintf("it covers that one name and nothing below it; add %s to forbid that too", r.wider())
}

// wider returns the rule that covers everything below r or, if r ends in "*", below its parent.
func (r Rule) wider() Rule {
	if last := len(r.pattern.Path) - 1; last >= 0 && r.pattern.Path[last] == "*" {
		r.pattern.Path = r.pattern.Path[:last]
	}
	r.pattern.Below = true
	return r
}

// extraActions returns the actions that r forbids because it names none, that an ALLOW rule
// without actions would not allow, and that some ALLOW rule allows on an address that r covers.
func (g *grants) extraActions(r Rule) (extra Action) {
	if !r.bare {
		return 0
	}
	for _, a := range g.allow {
		if a.overlaps(r) {
			extra |= a.Actions() &^ defaultActions
		}
	}
	return extra
}

func (r Rule) overlaps(other Rule) bool { return r.pattern.Overlaps(other.pattern) }

func (r Rule) within(other Rule) bool { return r.pattern.Within(other.pattern) }

// lintIdentities notes common names, because name constraints of an authority apply to URIs and
// DNS names only.
func (p *Policy) lintIdentities(name string) []Finding {
	for identity, owner := range p.identities {
		if owner == name && strings.HasPrefix(identity, credential.CommonNamePrefix) {
			return []Finding{{Setting: certFamily + name, Note: true, Reason: "name constraints do not apply to cn:, so any authority below yours can issue one for any name; use uri: or dns: if you have such authorities"}}
		}
	}
	return nil
}

// containedIn names another rule that contains rules[n]. Of two equal rules the first contains the
// second.
func containedIn(rules []Rule, n int) string {
	for i, other := range rules {
		if i == n || !rules[n].within(other) || i > n && other.within(rules[n]) {
			continue
		}
		return fmt.Sprintf("it adds nothing to %s", other)
	}
	return ""
}
