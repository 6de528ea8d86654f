package pattern

import (
	"cmp"
	"slices"
)

// MaxSteps bounds the work of one Intersection. A step is a rule visited, or a byte of one
// compared or stored.
const MaxSteps = 1 << 18

// Intersection finds out whether several lists of rules allow anything in common, such as those
// of a service and of each restriction of its session.
//
// One call of a session uses one Intersection, so its budget of steps holds for all questions of
// that call. It is for one goroutine.
type Intersection struct {
	allow [][]Rule // a name needs a rule of each list
	deny  []Rule
	steps int             // left; 0 ends every search
	known map[string]bool // answers of AllowsIn by key: projects with the same rules have one
	key   []byte
}

// NewIntersection returns the intersection of the lists in allow, without what deny forbids.
func NewIntersection(deny []Rule, allow ...[]Rule) *Intersection {
	return &Intersection{allow: allow, deny: deny, steps: MaxSteps, known: make(map[string]bool)}
}

// AllowsIn reports whether all lists allow a common action on a common name in project. It may
// miss one after MaxSteps. It may report one that only several deny rules together forbid.
func (x *Intersection) AllowsIn(project string) bool {
	if x.steps == 0 || !x.setKey(project) {
		return false
	}
	allows, found := x.known[string(x.key)]
	if !found && x.spend(len(x.key)) {
		allows = x.search(project)
		x.known[string(x.key)] = allows
	}
	return allows
}

// AllowsNothing reports whether AllowsIn is false for every project. It looks at one rule at a
// time, so it may miss that.
func (x *Intersection) AllowsNothing() bool {
	if slices.ContainsFunc(x.allow, func(list []Rule) bool { return len(list) == 0 }) {
		return true
	}
	return !slices.ContainsFunc(x.allow[0], func(r Rule) bool {
		actions := r.Actions
		for _, d := range x.deny {
			if len(d.Path) == 0 && r.ProjectWithin(d) {
				actions &^= d.Actions
			}
		}
		return actions != 0
	})
}

// AllowsWithin reports whether the lists allow all of actions on some name that region covers. It
// is also true if only several deny rules together forbid all of region, and after MaxSteps.
func (x *Intersection) AllowsWithin(actions Actions, region Rule) bool {
	var sets [][]*Rule
	for _, list := range x.allow {
		for rest := actions; rest != 0; rest &= rest - 1 {
			sets = append(sets, rulesAbout(rest&-rest, region, list))
		}
	}
	deny := x.withParents(rulesAbout(actions, region, x.deny))
	region.Path = append([]string{region.Project}, region.Path...)
	return x.findAll(sets, deny, []*Rule{&region}, actions)
}

// spend reports whether that many steps are left, and uses them.
func (x *Intersection) spend(steps int) bool {
	if steps > x.steps {
		x.steps = 0
		return false
	}
	x.steps -= steps
	return true
}

// setKey sets the key to what the rules say of the project. It reports false if a list has no
// rule for the project.
func (x *Intersection) setKey(project string) bool {
	x.key = x.key[:0]
	for _, list := range x.allow {
		before := len(x.key)
		x.key = appendRules(x.key, project, list)
		if len(x.key) == before {
			return false
		}
		x.key = append(x.key, 0)
	}
	x.key = appendRules(x.key, project, x.deny)
	return true
}

// appendRules appends the rules for project. No segment contains a control character.
func appendRules(key []byte, project string, rules []Rule) []byte {
	for _, r := range rules {
		if !r.CoversProject(project) {
			continue
		}
		key = append(key, byte(r.Actions))
		for _, segment := range r.Path {
			key = append(append(key, segment...), '/')
		}
		end := byte('\n')
		if r.Below {
			end = '\t'
		}
		key = append(key, end)
	}
	return key
}

// rulesIn returns the rules for one project.
func rulesIn(project string, rules []Rule) (in []*Rule) {
	for i := range rules {
		if rules[i].CoversProject(project) {
			in = append(in, &rules[i])
		}
	}
	return in
}

// rulesAbout returns the rules for one of the actions and a project of region. The project's
// pattern becomes the first segment of the path, so that it is compared like the others.
func rulesAbout(actions Actions, region Rule, rules []Rule) (about []*Rule) {
	for _, r := range rules {
		if r.Actions&actions != 0 && r.ProjectsOverlap(region) {
			r.Path = append([]string{r.Project}, r.Path...)
			about = append(about, &r)
		}
	}
	return about
}

// withParents adds the rule for a/ if there is one for a/* and another for a/*/. Together these
// cover the same names.
func (x *Intersection) withParents(rules []*Rule) []*Rule {
	all := slices.Clone(rules)
	for _, one := range rules {
		last := len(one.Path) - 1
		if one.Below || last < 1 || one.Path[last] != "*" {
			continue
		}
		for _, deeper := range rules {
			if x.spend(1) && deeper.Below && slices.Equal(deeper.Path, one.Path) {
				all = append(all, &Rule{Project: one.Project, Path: one.Path[:last], Below: true, Actions: one.Actions & deeper.Actions})
			}
		}
	}
	return all
}

// search looks for one rule of each list such that all of them cover a common name for a common
// action. If each two of the rules overlap, all of them do: literals and prefixes agree or they
// do not, and a "*" matches whatever the others require. So comparing pairs is enough.
func (x *Intersection) search(project string) bool {
	sets := make([][]*Rule, len(x.allow))
	for i, list := range x.allow {
		sets[i] = rulesIn(project, list)
	}
	slices.SortStableFunc(sets, func(a, b []*Rule) int { return cmp.Compare(len(a), len(b)) }) // fewer combinations to try
	return x.findCommon(sets, rulesIn(project, x.deny), nil, ^Actions(0))
}

// findCommon adds a rule of each set to chosen such that all overlap for one of the actions.
func (x *Intersection) findCommon(sets [][]*Rule, deny, chosen []*Rule, actions Actions) bool {
	if len(sets) == 0 {
		return actions&^x.denied(deny, chosen) != 0 && x.steps > 0
	}
	for _, r := range sets[0] {
		if !x.spend(1) {
			return false
		}
		common := actions & r.Actions
		if common != 0 && x.overlapsAll(r, chosen) && x.findCommon(sets[1:], deny, append(chosen, r), common) {
			return true
		}
	}
	return false
}

// findAll adds a rule of each set to chosen such that all overlap and no deny rule covers all
// that they have in common. Unlike findCommon it reports true if the steps are used up.
func (x *Intersection) findAll(sets [][]*Rule, deny, chosen []*Rule, actions Actions) bool {
	if len(sets) == 0 {
		return x.denied(deny, chosen)&actions == 0
	}
	for _, r := range sets[0] {
		if x.spend(1) && x.overlapsAll(r, chosen) && x.findAll(sets[1:], deny, append(chosen, r), actions) {
			return true
		}
		if x.steps == 0 {
			return true
		}
	}
	return false
}

func (x *Intersection) overlapsAll(r *Rule, chosen []*Rule) bool {
	for _, other := range chosen {
		if !x.pathsOverlap(r, other) {
			return false
		}
	}
	return true
}

// pathsOverlap reports whether both rules cover a common path.
func (x *Intersection) pathsOverlap(a, b *Rule) bool {
	if !x.spend(1) || !a.depthsOverlap(*b) {
		return false
	}
	for i := range min(len(a.Path), len(b.Path)) {
		if !x.spend(len(a.Path[i])+len(b.Path[i])) || !segmentsOverlap(a.Path[i], b.Path[i]) {
			return false
		}
	}
	return true
}

// denied returns the actions that a single deny rule forbids on all paths that the chosen rules
// have in common.
func (x *Intersection) denied(deny, chosen []*Rule) (actions Actions) {
	for _, d := range deny {
		if x.steps > 0 && x.coversCommon(d, chosen) {
			actions |= d.Actions
		}
	}
	return actions
}

// coversCommon reports whether each segment and the depth that d requires are required by one of
// the chosen rules.
func (x *Intersection) coversCommon(d *Rule, chosen []*Rule) bool {
	depth := func(other *Rule) bool {
		if d.Below {
			return len(other.Path) > len(d.Path) || len(other.Path) == len(d.Path) && other.Below
		}
		return len(other.Path) == len(d.Path) && !other.Below
	}
	if !x.spend(len(chosen)) || !slices.ContainsFunc(chosen, depth) {
		return false
	}
	for i, pattern := range d.Path {
		narrower := func(other *Rule) bool {
			return i < len(other.Path) && x.spend(len(pattern)+len(other.Path[i])) && segmentWithin(other.Path[i], pattern)
		}
		if !slices.ContainsFunc(chosen, narrower) {
			return false
		}
	}
	return true
}
