// Package prose finds English in this repository that a native engineer would stumble over: words
// with a private meaning, clauses without a subject, lines that are too long. It is a list of
// patterns, so a hit is a place to reread. Its test holds the whole repository to it.
package prose

import (
	"fmt"
	"regexp"
	"strings"
)

// MaxColumns is the longest line of a comment or of Markdown.
const MaxColumns = 100

// rule is a pattern that reads badly. A match of except around it is fine.
type rule struct {
	bad, except *regexp.Regexp
	advice      string
}

var rules = []rule{
	newRule(`\bgives\b`, `gives up`, "say 'returns', 'provides' or 'grants'"),
	newRule(`\bgive\b`, `to give|^give|\. give|give up`, "say 'return', 'provide' or 'grant'"),
	newRule(`\btells?\b`, `tells? whether|tells? \w+( \w+)? (to|whether)`, "say 'reports', 'logs', 'shows' or 'documents'"),
	newRule(`\b(is|are|was) told\b`, "", "say 'is reported' or 'is logged'"),
	newRule(`\b(stands?|stood)\b`, "", "say 'is', 'is stored' or 'applies'"),
	newRule(`\b(brings?|brought)\b`, "", "say 'moves', 'adds', 'imports' or 'restores'"),
	newRule(`(^|[.;:,(] |\b(to|by|for|of|from|and|or|that|than) )who(ever)? \w`, "", "put a noun before 'who': 'a caller that'"),
	newRule(`(^|[.;:,(] ?|\b(of|by|for|to|from|with|than|and|or|in|until|that|before|after|on|at) )what `+
		`(is|was|are|were|has|had|it|they|a|the|an|no|does|did|cannot|can|must|may|needs?|follows?)\b`, "", "put a noun in place of 'what'"),
	newRule(`, where (that|it|there|they|no|one)\b|\w where (that|there|it) (is|are|was|has)\b`, "", "put the condition first: 'If ...'"),
	newRule(`\b(no|any) more([.,;:)]|$| (and|or|then|after|once|since|because|where|when)\b)`, "", "say 'no longer'"),
	newRule(`\b(nobody|somebody)\b`, "", "name the actor: 'no caller', 'another process'"),
	newRule(`\bby (itself|themselves)\b|\bof (its|their|our) own\b`, "", "say 'alone', 'automatically' or 'separate'"),
	newRule(`\bis to (be|have|do)\b`, "", "say 'must' or 'should'"),
	newRule(`\bas (ever|it stands|they stand)\b|\bwhatever\b`, "", "name the cases"),
}

func newRule(bad, except, advice string) rule {
	r := rule{bad: regexp.MustCompile("(?i)" + bad), advice: advice}
	if except != "" {
		r.except = regexp.MustCompile("(?i)" + except)
	}
	return r
}

// Check returns one line of advice for each hit in a line of text.
func Check(text string) []string {
	var hits []string
	for _, r := range rules {
		for _, at := range r.bad.FindAllStringIndex(text, -1) {
			around := text[max(0, at[0]-4):min(len(text), at[1]+20)]
			if r.except == nil || !r.except.MatchString(around) {
				hits = append(hits, fmt.Sprintf("%q: %s", strings.TrimSpace(text[at[0]:at[1]]), r.advice))
			}
		}
	}
	return hits
}

// tooling marks comments that are no prose.
var tooling = regexp.MustCompile(`^//(go:|line |\t|    )`)

// Comment returns the text of the comment on a line of Go, and whether there is one. Indented
// lines of a comment are code.
func Comment(line string) (string, bool) {
	line = strings.TrimSpace(line)
	if tooling.MatchString(line) {
		return "", false
	}
	if text, ok := strings.CutPrefix(line, "//"); ok {
		text = strings.TrimPrefix(text, " ")
		return text, !strings.HasPrefix(text, "\t") && !strings.HasPrefix(text, "    ")
	}
	before, text, ok := strings.Cut(line, " // ")
	return text, ok && strings.Count(before, `"`)%2 == 0 && strings.Count(before, "`")%2 == 0
}
