// Package pattern has the strings of a policy: segments of names, patterns of rules, a tree that
// matches many rules in one walk, and comparisons of rules with each other. It knows no vault.
package pattern

import (
	"errors"
	"fmt"
	"strings"
)

// Actions is a set of actions, one bit each.
type Actions uint8

// Rule is a pattern of names, and the actions that it allows or forbids on them. The zero Rule
// covers nothing.
type Rule struct {
	Project string   // pattern of the project's name
	Path    []string // patterns of the path's segments
	Below   bool     // covers what is below Path; else Path itself
	Actions Actions
}

// Parse reads a pattern such as "project:newsbot/prod/", "common/*/" or "newsbot:prod/db". The
// error says what to change and does not repeat the text.
func Parse(text string) (Rule, error) {
	rest, prefixed := strings.CutPrefix(text, "project:")
	separators := "/:"
	if prefixed {
		separators = "/"
	}
	at := strings.IndexAny(rest, separators)
	if at < 0 {
		return Rule{}, errors.New("a project name needs a / after it: name/ covers the whole project, */ every project")
	}
	r := Rule{Project: rest[:at]}
	if IsReserved(r.Project) {
		return Rule{}, errors.New("no rule covers projects that start with a dot")
	}
	if problem := patternProblem(r.Project, 0); problem != "" {
		return Rule{}, errors.New("the project pattern " + problem)
	}
	return r.withPath(rest[at+1:])
}

// withPath adds the pattern of a path.
func (r Rule) withPath(path string) (Rule, error) {
	if path == "" {
		r.Below = true
		return r, nil
	}
	path, r.Below = strings.CutSuffix(path, "/")
	r.Path = strings.Split(path, "/")
	limit := MaxDepth
	if r.Below {
		limit-- // at least one segment must fit below it
	}
	if len(r.Path) > limit {
		return Rule{}, fmt.Errorf("a path has at most %d segments", MaxDepth)
	}
	for n, segment := range r.Path {
		if problem := patternProblem(segment, Colon); problem != "" {
			return Rule{}, fmt.Errorf("path segment %d %s", n+1, problem)
		}
	}
	return r, nil
}

func patternProblem(s string, extra Extra) string {
	if strings.Contains(s, "**") {
		return "contains **; one * matches the characters of one segment"
	}
	return SegmentProblem(s, extra|Star)
}

// String returns the shortest text that [Parse] reads as this pattern. The actions are not in it.
func (r Rule) String() string {
	if r.Project == "" {
		return ""
	}
	s := r.Project + "/" + strings.Join(r.Path, "/")
	if r.Below && len(r.Path) > 0 {
		s += "/"
	}
	return s
}

// CoversProject reports whether the rule covers names in project.
func (r Rule) CoversProject(project string) bool { return matchSegment(r.Project, project) }

// Covers reports whether the rule covers the name.
func (r Rule) Covers(project, path string) bool {
	if !matchSegment(r.Project, project) {
		return false
	}
	rest, more := path, true
	for _, pattern := range r.Path {
		if !more {
			return false
		}
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		if !matchSegment(pattern, segment) {
			return false
		}
	}
	return more == r.Below
}

// CoversBelow reports whether the rule covers path and everything below it. Without a path that
// is the whole project, and without a project all names.
func (r Rule) CoversBelow(project, path string) bool {
	if project == "" || !r.Below {
		return r.Project == "*" && len(r.Path) == 0 && r.Below
	}
	if len(r.Path) == 0 {
		return matchSegment(r.Project, project)
	}
	return path != "" && r.Covers(project, strings.TrimSuffix(path, "/")+"/x")
}

// matchSegment reports whether s matches pattern, in which "*" matches one or more characters.
func matchSegment(pattern, s string) bool {
	head, rest, found := strings.Cut(pattern, "*")
	if !found {
		return pattern == s
	}
	if !strings.HasPrefix(s, head) {
		return false
	}
	s = s[len(head):]
	for {
		// s starts with the match of the last star, at least one character.
		var literal string
		literal, rest, found = strings.Cut(rest, "*")
		if !found {
			return len(s) > len(literal) && strings.HasSuffix(s, literal)
		}
		if s == "" {
			return false
		}
		// The leftmost match leaves most for the rest of the pattern. A literal is valid
		// UTF-8, so it is never found inside a character.
		at := strings.Index(s[1:], literal)
		if at < 0 {
			return false
		}
		s = s[1+at+len(literal):]
	}
}
