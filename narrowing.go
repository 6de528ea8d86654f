package myvault

import (
	"cmp"
	"slices"
)

// maxSight bounds what one call searches for what restrictions have in common. A step is a rule looked at,
// or a byte of one compared or kept.
const maxSight = 1 << 18

// sight tells which projects are visible to a session in one call, and has one budget for all of them. Where the rules say
// the same of two projects, their names apart, there is one search for both. It errs on the side of no once the
// budget is used up, and on that of yes where several rules forbid only together all that there is.
type sight struct {
	rights
	left  int             // steps; 0 ends every search
	known map[string]bool // the answers, by key
	key   []byte          // what the rules say of a project
	deny  []*Rule         // of the project that is searched
}

func (r rights) sight() *sight {
	return &sight{rights: r, left: maxSight, known: make(map[string]bool)}
}

// sees reports whether the project is visible: what the limits leave must be something there.
func (s *sight) sees(project string) bool {
	if s.granted == nil || len(s.limits) == 0 {
		return s.granted != nil && s.granted.reaches(project) != 0
	}
	if s.left == 0 || !s.describe(project) {
		return false
	}
	seen, found := s.known[string(s.key)]
	if !found && s.spend(len(s.key)) {
		seen = s.overlap(project)
		s.known[string(s.key)] = seen
	}
	return seen
}

// none reports whether sees is false for every project. It looks at one rule at a time, so it may
// miss cases.
func (s *sight) none() bool {
	if s.granted == nil || slices.ContainsFunc(s.limits, func(limit *grants) bool { return len(limit.allow) == 0 }) {
		return true
	}
	return !slices.ContainsFunc(s.granted.allow, func(r Rule) bool {
		actions := r.actions
		for _, d := range s.granted.deny {
			if len(d.path) == 0 && segmentWithin(r.project, d.project) {
				actions &^= d.actions
			}
		}
		return actions != 0
	})
}

// spend reports whether so many steps are left, and takes them.
func (s *sight) spend(steps int) bool {
	if steps > s.left {
		s.left = 0
		return false
	}
	s.left -= steps
	return true
}

// describe sets the key. It reports false where the service or a limit has no rule for the project.
func (s *sight) describe(project string) bool {
	s.key = s.key[:0]
	for i := range len(s.limits) + 1 {
		before := len(s.key)
		s.key = appendRules(s.key, project, s.set(i).allow)
		if len(s.key) == before {
			return false
		}
		s.key = append(s.key, 0)
	}
	s.key = appendRules(s.key, project, s.granted.deny)
	return true
}

// set gives the grants of the service for 0, and else those of a limit.
func (s *sight) set(i int) *grants {
	if i == 0 {
		return s.granted
	}
	return s.limits[i-1]
}

// appendRules appends what rulesIn gives. No segment holds a control character.
func appendRules(key []byte, project string, rules []Rule) []byte {
	for _, r := range rules {
		if !matchSegment(r.project, project) {
			continue
		}
		key = append(key, byte(r.actions))
		for _, segment := range r.path {
			key = append(append(key, segment...), '/')
		}
		end := byte('\n')
		if r.below {
			end = '\t'
		}
		key = append(key, end)
	}
	return key
}

// rulesIn gives what the rules say of one project.
func rulesIn(project string, rules []Rule) (in []*Rule) {
	for i := range rules {
		if matchSegment(rules[i].project, project) {
			in = append(in, &rules[i])
		}
	}
	return in
}

// overlap looks for one rule of each set, such that all of them cover one address for one action. Rules
// of which each two meet in an address all meet in one: literals and prefixes agree or they do not, and a "*" takes
// whatever else is asked for. So rules are compared with one other at a time.
func (s *sight) overlap(project string) bool {
	sets := make([][]*Rule, 0, len(s.limits)+1)
	for i := range cap(sets) {
		sets = append(sets, rulesIn(project, s.set(i).allow))
	}
	slices.SortStableFunc(sets, func(a, b []*Rule) int { return cmp.Compare(len(a), len(b)) }) // fewer ways to begin with
	s.deny = rulesIn(project, s.granted.deny)
	return s.find(sets, nil, allActions)
}

// find takes a rule of each set that meets those chosen before, and an action that all of them have.
func (s *sight) find(sets [][]*Rule, chosen []*Rule, actions Action) bool {
	if len(sets) == 0 {
		return actions&^s.denied(chosen) != 0 && s.left > 0
	}
	for _, r := range sets[0] {
		if !s.spend(1) {
			return false
		}
		if common := actions & r.actions; common != 0 && s.meets(r, chosen) && s.find(sets[1:], append(chosen, r), common) {
			return true
		}
	}
	return false
}

func (s *sight) meets(r *Rule, chosen []*Rule) bool {
	for _, other := range chosen {
		if !s.meet(r, other) {
			return false
		}
	}
	return true
}

// meet reports whether some path is of both rules.
func (s *sight) meet(a, b *Rule) bool {
	if !s.spend(1) || !a.asDeep(*b) {
		return false
	}
	for i := range min(len(a.path), len(b.path)) {
		if !s.spend(len(a.path[i])+len(b.path[i])) || !segmentsMeet(a.path[i], b.path[i]) {
			return false
		}
	}
	return true
}

// denied gives the actions that one rule forbids on all that the chosen have in common.
func (s *sight) denied(chosen []*Rule) (actions Action) {
	for _, d := range s.deny {
		if s.left > 0 && s.coversCommon(d, chosen) {
			actions |= d.actions
		}
	}
	return actions
}

// coversCommon reports whether each segment that d asks for is asked for by one of the chosen, and its depth.
func (s *sight) coversCommon(d *Rule, chosen []*Rule) bool {
	deep := func(other *Rule) bool {
		if d.below {
			return len(other.path) > len(d.path) || len(other.path) == len(d.path) && other.below
		}
		return len(other.path) == len(d.path) && !other.below
	}
	if !s.spend(len(chosen)) || !slices.ContainsFunc(chosen, deep) {
		return false
	}
	for i, pattern := range d.path {
		narrower := func(other *Rule) bool {
			return i < len(other.path) && s.spend(len(pattern)+len(other.path[i])) && segmentWithin(other.path[i], pattern)
		}
		if !slices.ContainsFunc(chosen, narrower) {
			return false
		}
	}
	return true
}
