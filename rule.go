package myvault

import (
	"fmt"
	"strings"
)

// Action is what a caller wants to do to an address; several are a set, by |.
type Action uint8

// The actions of the policy. A rule that names none grants Read, Write, Delete and List; in a
// DENY it forbids every action.
const (
	Read    Action = 1 << iota // the value
	Write                      // make a version, create, undelete; register a project
	Delete                     // mark deleted; with the whole project, delete it
	List                       // names, versions and times, without values
	Destroy                    // remove values for good
	Audit                      // read the trail; ask what others may do
)

const (
	usualActions = Read | Write | Delete | List
	allActions   = usualActions | Destroy | Audit
)

var actionNames = []struct {
	action Action
	name   string
}{{Read, "read"}, {Write, "write"}, {Delete, "delete"}, {List, "list"}, {Destroy, "destroy"}, {Audit, "audit"}}

// ParseAction reads the name of one action.
func ParseAction(name string) (Action, error) {
	for _, a := range actionNames {
		if a.name == name {
			return a.action, nil
		}
	}
	return 0, fmt.Errorf("%w action: want one of read, write, delete, list, destroy, audit", ErrInvalid)
}

// String gives the name, or the names of a set joined by "+".
func (a Action) String() string {
	var names []string
	for _, n := range actionNames {
		if a&n.action != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, "+")
}

// Rule grants, or in a DENY forbids, actions on the addresses that it covers.
//
//	rule = [ "project:" ] project ( "/" | ":" ) [ path-pattern ] [ "@" action { "+" action } ]
//
// An empty path pattern, or one that ends in "/", covers everything below it by whole segments; any
// other names exactly one secret. "*" matches one or more characters inside one segment. If no
// action is named, an ALLOW grants read, write, delete and list, and a DENY forbids every action.
// Rules are made by [ParseRule]; the zero Rule covers nothing.
type Rule struct {
	project string   // pattern of the project name
	path    []string // patterns of the path's segments
	below   bool     // covers what is below path; else path itself
	actions Action
	bare    bool // no action is named
}

// ParseRule reads a rule as it stands in ALLOW_ and DENY_ lines, such as
// "project:newsbot/prod/", "common/*/@read+list" or "newsbot:prod/db".
// The error is ErrInvalid; it says what to change and does not repeat the rule.
func ParseRule(text string) (Rule, error) {
	pattern, actions, err := cutActions(text)
	if err != nil {
		return Rule{}, err
	}
	r := Rule{actions: actions, bare: actions == 0}
	if r.bare {
		r.actions = usualActions
	}
	rest, prefixed := strings.CutPrefix(pattern, "project:")
	dividers := "/:"
	if prefixed {
		dividers = "/"
	}
	at := strings.IndexAny(rest, dividers)
	if at < 0 {
		return Rule{}, invalidRule("a project name needs a / after it: name/ covers the whole project, */ every project")
	}
	r.project = rest[:at]
	if strings.HasPrefix(r.project, ".") {
		return Rule{}, invalidRule("no rule covers projects that start with a dot")
	}
	if reason := checkPattern(r.project, inProject); reason != "" {
		return Rule{}, invalidRule("the project pattern " + reason)
	}
	return r.withPath(rest[at+1:])
}

// withPath adds the part of a rule behind the project.
func (r Rule) withPath(path string) (Rule, error) {
	if path == "" {
		r.below = true
		return r, nil
	}
	path, r.below = strings.CutSuffix(path, "/")
	r.path = strings.Split(path, "/")
	limit := MaxDepth
	if r.below {
		limit-- // something must fit below it
	}
	if len(r.path) > limit {
		return Rule{}, invalidRule(fmt.Sprintf("a path has at most %d segments", MaxDepth))
	}
	for n, segment := range r.path {
		if reason := checkPattern(segment, inPath); reason != "" {
			return Rule{}, invalidRule(fmt.Sprintf("path segment %d %s", n+1, reason))
		}
	}
	return r, nil
}

// cutActions divides a rule at its last "@". Without one it returns no action.
func cutActions(text string) (string, Action, error) {
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		return text, 0, nil
	}
	var actions Action
	for name := range strings.SplitSeq(text[at+1:], "+") {
		a, err := ParseAction(name)
		if err != nil {
			return "", 0, invalidRule("after the last @ only read, write, delete, list, destroy and audit may stand, joined by +")
		}
		actions |= a
	}
	return text[:at], actions, nil
}

// checkPattern is checkSegment for a segment of a rule.
func checkPattern(s string, where place) string {
	if strings.Contains(s, "**") {
		return "holds **; one * stands for the characters of one segment"
	}
	return checkSegment(s, where|inRule)
}

func invalidRule(reason string) error {
	return fmt.Errorf("%w rule: %s", ErrInvalid, reason)
}

// String gives the rule in its shortest spelling; ParseRule reads it back to an equal rule.
func (r Rule) String() string {
	if r.project == "" {
		return ""
	}
	s := r.project + "/" + strings.Join(r.path, "/")
	if r.below && len(r.path) > 0 {
		s += "/"
	}
	if !r.bare {
		s += "@" + r.actions.String()
	}
	return s
}

// Actions returns the actions that the rule names, and Read, Write, Delete and List if it names
// none. A Deny list reads a rule that names none as all actions; the rule of a [Decision] shows
// them all.
func (r Rule) Actions() Action { return r.actions }

// forDeny returns the rule as a DENY reads it: if it names no action, it is about all of them.
func (r Rule) forDeny() Rule {
	if r.bare {
		r.actions = allActions
	}
	return r
}

// covers reports whether addr is one of the rule's.
func (r Rule) covers(addr Address) bool {
	if !matchSegment(r.project, addr.Project) {
		return false
	}
	rest, more := addr.Path, true
	for _, pattern := range r.path {
		if !more {
			return false
		}
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		if !matchSegment(pattern, segment) {
			return false
		}
	}
	return more == r.below
}

// coversBelow reports whether everything that p selects is the rule's.
func (r Rule) coversBelow(p Prefix) bool {
	if p.Project == "" || !r.below {
		return r.everywhere()
	}
	if len(r.path) == 0 {
		return matchSegment(r.project, p.Project)
	}
	deeper := Address{Project: p.Project, Path: strings.TrimSuffix(p.Path, "/") + "/x"}
	return p.Path != "" && r.covers(deeper)
}

// everywhere reports whether the rule covers every address.
func (r Rule) everywhere() bool {
	return r.project == "*" && len(r.path) == 0 && r.below
}

// matchSegment reports whether s fits pattern, in which "*" stands for one or more characters.
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
		// Here s must give at least one character to the star just read.
		var literal string
		literal, rest, found = strings.Cut(rest, "*")
		if !found {
			return len(s) > len(literal) && strings.HasSuffix(s, literal)
		}
		if s == "" {
			return false
		}
		// The leftmost place leaves most for what follows. A literal is valid UTF-8,
		// so it is never found inside a character.
		at := strings.Index(s[1:], literal)
		if at < 0 {
			return false
		}
		s = s[1+at+len(literal):]
	}
}
