package myvault

import (
	"cmp"
	"slices"
)

// maxMeets bounds the search for what restrictions have in common in one project.
const maxMeets = 10_000

// overlap is a search for one rule of each set, such that all of them cover one address for one action. Rules
// of which each two meet in an address all meet in one: literals and prefixes agree or they do not, and a "*" takes
// whatever else is asked for. So rules are compared with one other at a time.
type overlap struct {
	deny []Rule
	left int // comparisons
}

// overlap reports whether the service's rules and all limits have something in common in the project. It errs on
// the side of no where there are too many ways to tell, and on that of yes where several rules forbid it only together.
func (r rights) overlap(project string) bool {
	sets := make([][]Rule, 0, len(r.limits)+1)
	for _, g := range append([]*grants{r.granted}, r.limits...) {
		sets = append(sets, rulesIn(project, g.allow))
	}
	slices.SortStableFunc(sets, func(a, b []Rule) int { return cmp.Compare(len(a), len(b)) }) // fewer ways to begin with
	o := overlap{deny: rulesIn(project, r.granted.deny), left: maxMeets}
	return o.find(sets, nil, allActions)
}

// rulesIn gives what the rules say of one project.
func rulesIn(project string, rules []Rule) (in []Rule) {
	for _, r := range rules {
		if matchSegment(r.project, project) {
			r.project = project
			in = append(in, r)
		}
	}
	return in
}

// find takes a rule of each set that meets those chosen before, and an action that all of them have.
func (o *overlap) find(sets [][]Rule, chosen []Rule, actions Action) bool {
	if len(sets) == 0 {
		return actions&^o.denied(chosen) != 0
	}
	for _, r := range sets[0] {
		if common := actions & r.actions; common != 0 && o.meets(r, chosen) && o.find(sets[1:], append(chosen, r), common) {
			return true
		}
	}
	return false
}

func (o *overlap) meets(r Rule, chosen []Rule) bool {
	o.left -= len(chosen) + 1
	return o.left >= 0 && !slices.ContainsFunc(chosen, func(other Rule) bool { return !r.meets(other) })
}

// denied gives the actions that one rule forbids on all that the chosen have in common.
func (o *overlap) denied(chosen []Rule) (actions Action) {
	for _, d := range o.deny {
		if d.coversCommon(chosen) {
			actions |= d.actions
		}
	}
	return actions
}

// coversCommon reports whether each segment that the rule asks for is asked for by one of the others, and its depth.
func (r Rule) coversCommon(others []Rule) bool {
	deep := func(other Rule) bool {
		if r.below {
			return len(other.path) > len(r.path) || len(other.path) == len(r.path) && other.below
		}
		return len(other.path) == len(r.path) && !other.below
	}
	if !slices.ContainsFunc(others, deep) {
		return false
	}
	for i, pattern := range r.path {
		narrower := func(other Rule) bool { return i < len(other.path) && segmentWithin(other.path[i], pattern) }
		if !slices.ContainsFunc(others, narrower) {
			return false
		}
	}
	return true
}
