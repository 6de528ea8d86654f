package pattern

import "strings"

// Within reports whether other covers all names that r covers, for all of its actions.
func (r Rule) Within(other Rule) bool {
	if r.Actions&^other.Actions != 0 || !segmentWithin(r.Project, other.Project) {
		return false
	}
	switch {
	case !other.Below && (r.Below || len(r.Path) != len(other.Path)):
		return false
	case other.Below && len(r.Path) < len(other.Path), other.Below && !r.Below && len(r.Path) == len(other.Path):
		return false
	}
	for i, pattern := range other.Path {
		if !segmentWithin(r.Path[i], pattern) {
			return false
		}
	}
	return true
}

// ProjectWithin reports whether other's pattern of the project's name matches all that r's does.
func (r Rule) ProjectWithin(other Rule) bool { return segmentWithin(r.Project, other.Project) }

// Overlaps reports whether both rules cover a common name for a common action.
func (r Rule) Overlaps(other Rule) bool {
	if r.Actions&other.Actions == 0 || !r.ProjectsOverlap(other) || !r.depthsOverlap(other) {
		return false
	}
	for i := range min(len(r.Path), len(other.Path)) {
		if !segmentsOverlap(r.Path[i], other.Path[i]) {
			return false
		}
	}
	return true
}

// ProjectsOverlap reports whether both rules cover names in a common project.
func (r Rule) ProjectsOverlap(other Rule) bool { return segmentsOverlap(r.Project, other.Project) }

// depthsOverlap reports whether both rules cover paths with the same number of segments.
func (r Rule) depthsOverlap(other Rule) bool {
	switch {
	case len(r.Path) < len(other.Path):
		return r.Below
	case len(r.Path) > len(other.Path):
		return other.Below
	}
	return r.Below == other.Below
}

// segmentWithin reports whether other matches everything that pattern matches. A byte that no
// pattern contains replaces each "*" of pattern. Only a "*" of other matches it, and that matches
// everything else too.
func segmentWithin(pattern, other string) bool {
	return matchSegment(other, strings.ReplaceAll(pattern, "*", "\x00"))
}

// segmentsOverlap reports whether both patterns match a common segment of any length. If both
// contain "*", only the text before the first and after the last one must agree, as far as both
// have it: between them each star matches what the other pattern requires.
func segmentsOverlap(p, q string) bool {
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
