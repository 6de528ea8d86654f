package pattern

import "strings"

// Tree matches a name against many rules in one walk over its segments. It is immutable and
// matching allocates nothing.
type Tree struct {
	Rules []Rule
	root  node
}

// node is the state after some segments, the project's name first.
type node struct {
	literal map[string]*node // by the exact segment
	star    *node            // after a pattern "*"
	partial []edge           // after patterns that contain "*" and other characters
	exact   Actions          // for the name that ends here
	below   Actions          // for every longer name
	any     Actions          // of all rules through this node, to end a walk early
}

type edge struct {
	pattern string
	next    *node
}

// NewTree returns a tree of rules, which must not be changed afterwards.
func NewTree(rules []Rule) *Tree {
	t := &Tree{Rules: rules}
	for _, r := range rules {
		t.root.add(r)
	}
	return t
}

func (n *node) add(r Rule) {
	n.any |= r.Actions
	end := n.child(r.Project)
	end.any |= r.Actions
	for _, pattern := range r.Path {
		end = end.child(pattern)
		end.any |= r.Actions
	}
	if r.Below {
		end.below |= r.Actions
	} else {
		end.exact |= r.Actions
	}
}

// child returns the node after pattern, which it creates if necessary.
func (n *node) child(pattern string) *node {
	if pattern == "*" {
		if n.star == nil {
			n.star = &node{}
		}
		return n.star
	}
	if strings.Contains(pattern, "*") {
		for _, e := range n.partial {
			if e.pattern == pattern {
				return e.next
			}
		}
		n.partial = append(n.partial, edge{pattern, &node{}})
		return n.partial[len(n.partial)-1].next
	}
	if n.literal == nil {
		n.literal = make(map[string]*node)
	}
	if n.literal[pattern] == nil {
		n.literal[pattern] = &node{}
	}
	return n.literal[pattern]
}

// Covers reports whether one rule covers the name for all of want.
func (t *Tree) Covers(want Actions, project, path string) bool {
	return t.root.step(want, project, path, path != "")
}

// step follows segment. The path goes on with rest if there is more.
func (n *node) step(want Actions, segment, rest string, more bool) bool {
	if next := n.literal[segment]; next != nil && next.covers(want, rest, more) {
		return true
	}
	if n.star != nil && n.star.covers(want, rest, more) {
		return true
	}
	for i := range n.partial {
		if matchSegment(n.partial[i].pattern, segment) && n.partial[i].next.covers(want, rest, more) {
			return true
		}
	}
	return false
}

func (n *node) covers(want Actions, rest string, more bool) bool {
	switch {
	case n.any&want != want:
		return false
	case !more:
		return n.exact&want == want
	case n.below&want == want:
		return true
	}
	segment, rest, more := strings.Cut(rest, "/")
	return n.step(want, segment, rest, more)
}
