package myvault

import (
	"slices"
	"strings"
)

// scope is the part of a prefix in which a call may find anything visible.
type scope struct {
	rights
	prefix Prefix
	only   bool // the secret that prefix names, and nothing below it
}

// scope returns the part of p in which the session may have all of the actions, or false if
// there is none. It depends on the rules alone, so an answer that does not look at the store
// reveals nothing about its contents.
func (r rights) scope(actions Action, p Prefix) (scope, bool) {
	s := scope{rights: r, prefix: p}
	region := Rule{project: p.Project, below: true}
	switch {
	case p.Project == "":
		region.project = "*"
	case p.Path != "":
		region.path = strings.Split(strings.TrimSuffix(p.Path, "/"), "/")
	}
	below := r.anyIn(actions, region)
	if p.Path == "" || strings.HasSuffix(p.Path, "/") {
		return s, below
	}
	region.below = false
	self := r.anyIn(actions, region)
	if !self {
		s.prefix.Path += "/"
	}
	s.only = !below
	return s, self || below
}

// anyIn reports whether the session may have all of the actions on some address of region. It is
// also true if only several deny rules together forbid all of region, and if the search is cut off.
func (r rights) anyIn(actions Action, region Rule) bool {
	if r.granted == nil {
		return false
	}
	s := r.sight()
	var sets [][]*Rule
	for i := range len(r.limits) + 1 {
		for rest := actions; rest != 0; rest &= rest - 1 {
			sets = append(sets, rulesAbout(rest&-rest, region, s.set(i).allow))
		}
	}
	s.deny = s.joined(rulesAbout(actions, region, r.granted.deny))
	region.path = append([]string{region.project}, region.path...)
	return s.choose(sets, []*Rule{&region}, actions)
}

// rulesAbout returns the rules that name one of the actions and a project of region. The
// project becomes the first segment of the path, so that it is compared like the others.
func rulesAbout(actions Action, region Rule, rules []Rule) (about []*Rule) {
	for _, r := range rules {
		if r.actions&actions != 0 && segmentsMeet(r.project, region.project) {
			r.path = append([]string{r.project}, r.path...)
			about = append(about, &r)
		}
	}
	return about
}

// joined adds the rule for a/ where one rule is for a/* and another for a/*/. Together they
// cover the same.
func (s *sight) joined(rules []*Rule) []*Rule {
	all := slices.Clone(rules)
	for _, one := range rules {
		last := len(one.path) - 1
		if one.below || last < 1 || one.path[last] != "*" {
			continue
		}
		for _, deeper := range rules {
			if s.spend(1) && deeper.below && slices.Equal(deeper.path, one.path) {
				all = append(all, &Rule{project: one.project, path: one.path[:last], below: true, actions: one.actions & deeper.actions})
			}
		}
	}
	return all
}

// choose reports whether there is a rule of each set such that all of them and the chosen ones
// cover an address, and no deny rule covers all such addresses. Unlike find it errs on the side of
// yes.
func (s *sight) choose(sets [][]*Rule, chosen []*Rule, actions Action) bool {
	if len(sets) == 0 {
		return s.denied(chosen)&actions == 0
	}
	for _, r := range sets[0] {
		if s.spend(1) && s.meets(r, chosen) && s.choose(sets[1:], append(chosen, r), actions) {
			return true
		}
		if s.left == 0 {
			return true
		}
	}
	return false
}
