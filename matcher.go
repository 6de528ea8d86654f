package myvault

import "strings"

// matcher finds the actions of many rules for one address in one walk: a tree over the
// segments of the rules, project first. It is immutable once built and allocates nothing.
type matcher struct {
	literal map[string]*matcher // by the exact segment
	any     *matcher            // a lone *
	globs   []globEdge          // patterns that hold a * among other characters
	exact   Action              // granted to the address that ends here
	below   Action              // granted to everything below
	reach   Action              // everything granted here or deeper, to end a walk early
}

type globEdge struct {
	pattern string
	next    *matcher
}

func newMatcher(rules []Rule) *matcher {
	root := &matcher{}
	for _, r := range rules {
		root.add(r)
	}
	return root
}

func (m *matcher) add(r Rule) {
	m.reach |= r.actions
	node := m.child(r.project)
	node.reach |= r.actions
	for _, pattern := range r.path {
		node = node.child(pattern)
		node.reach |= r.actions
	}
	if r.below {
		node.below |= r.actions
	} else {
		node.exact |= r.actions
	}
}

// child gives the node for pattern below m, which it makes where it is missing.
func (m *matcher) child(pattern string) *matcher {
	if pattern == "*" {
		if m.any == nil {
			m.any = &matcher{}
		}
		return m.any
	}
	if strings.Contains(pattern, "*") {
		for _, g := range m.globs {
			if g.pattern == pattern {
				return g.next
			}
		}
		m.globs = append(m.globs, globEdge{pattern, &matcher{}})
		return m.globs[len(m.globs)-1].next
	}
	if m.literal == nil {
		m.literal = make(map[string]*matcher)
	}
	if m.literal[pattern] == nil {
		m.literal[pattern] = &matcher{}
	}
	return m.literal[pattern]
}

// covers reports whether some rule has all of want for addr.
func (m *matcher) covers(want Action, addr Address) bool {
	return m.step(want, addr.Project, addr.Path, addr.Path != "")
}

// step follows segment; rest is the path behind it, if there is more.
func (m *matcher) step(want Action, segment, rest string, more bool) bool {
	if next := m.literal[segment]; next != nil && next.at(want, rest, more) {
		return true
	}
	if m.any != nil && m.any.at(want, rest, more) {
		return true
	}
	for i := range m.globs {
		if matchSegment(m.globs[i].pattern, segment) && m.globs[i].next.at(want, rest, more) {
			return true
		}
	}
	return false
}

// at decides at a node whose segment fitted.
func (m *matcher) at(want Action, rest string, more bool) bool {
	switch {
	case m.reach&want != want:
		return false
	case !more:
		return m.exact&want == want
	case m.below&want == want:
		return true
	}
	segment, rest, more := strings.Cut(rest, "/")
	return m.step(want, segment, rest, more)
}
