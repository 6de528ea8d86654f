// Package dotenv reads the text of .env files. The console reads a pasted .env in the same way;
// testdata/dotenv.json in the top folder has the cases that both are tested with.
package dotenv

import (
	"strings"
	"unicode/utf8"

	"github.com/myswiftagent/myvault/internal/pattern"
)

// Entry is a setting, or a line that is malformed.
type Entry struct {
	Line    int    // of the key, from 1
	Key     string // empty if no valid key was found
	Value   string
	Problem string // what is wrong, without any part of the text; empty if nothing is
}

// Parse returns the entries of a .env in order: KEY=VALUE lines, blank lines, and # comments, also
// after a value if a blank precedes the #. A value in quotes may span several lines. In double
// quotes \n, \r, \t, \\, \" and \$ are escapes and any other backslash is refused. Nothing is
// expanded. "export " before a key, a byte order mark and CRLF are accepted.
func Parse(text string) []Entry {
	lines := strings.Split(strings.TrimPrefix(text, "\uFEFF"), "\n")
	for n := range lines {
		lines[n] = strings.TrimRight(lines[n], "\r")
	}
	var entries []Entry
	for n := 0; n < len(lines); {
		e, read := parseEntry(lines[n:])
		if e.Line = n + 1; e.Key != "" || e.Problem != "" {
			entries = append(entries, e)
		}
		n += read
	}
	return entries
}

// parseEntry reads the entry that begins on the first of lines and returns its number of lines.
// The entry is empty for a blank line or a comment.
func parseEntry(lines []string) (e Entry, read int) {
	line := strings.TrimLeft(lines[0], blanks)
	if line == "" || line[0] == '#' {
		return Entry{}, 1
	}
	if problem := LineProblem(line); problem != "" {
		return Entry{Problem: problem}, 1
	}
	key, text, found := strings.Cut(line, "=")
	if !found {
		return Entry{Problem: "want KEY=VALUE"}, 1
	}
	key = strings.Trim(key, blanks)
	if bare, exported := strings.CutPrefix(key, "export"); exported && strings.TrimLeft(bare, blanks) != bare {
		key = strings.TrimLeft(bare, blanks)
	}
	if !validKey(key) {
		return Entry{Problem: "a key is letters, digits, _, - and ., and starts with a letter or _"}, 1
	}
	start := strings.TrimLeft(text, blanks)
	if start == "" || start[0] != '\'' && start[0] != '"' {
		return Entry{Key: key, Value: plainValue(text)}, 1
	}
	value, read, problem := quotedValue(start[1:], lines[1:], start[0])
	return Entry{Key: key, Value: value, Problem: problem}, read
}

func validKey(key string) bool {
	return key != "" && (key[0] < '0' || key[0] > '9') && key[0] != '-' && key[0] != '.' && pattern.IsWord(strings.ReplaceAll(key, ".", "_"))
}

// blanks may surround keys and values.
const blanks = " \t"

// LineProblem returns what no line may contain, or "" if s is free of it.
func LineProblem(s string) string {
	if !utf8.ValidString(s) {
		return "not valid UTF-8"
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7F }) {
		return "contains a control character"
	}
	return ""
}

// plainValue reads a value without quotes, up to a comment.
func plainValue(text string) string {
	for i := 1; i < len(text); i++ {
		if text[i] == '#' && (text[i-1] == ' ' || text[i-1] == '\t') {
			text = text[:i]
		}
	}
	return strings.Trim(text, blanks)
}

// quotedValue reads from behind the opening quote to the closing one, on whichever line that is.
// It returns the number of lines read.
func quotedValue(line string, next []string, quote byte) (value string, read int, problem string) {
	var b strings.Builder
	for read = 1; ; read++ {
		if problem := LineProblem(line); problem != "" {
			return "", 1, problem
		}
		for i := 0; i < len(line); i++ {
			switch c := line[i]; {
			case c == quote:
				rest := line[i+1:]
				comment := strings.TrimLeft(rest, blanks)
				if comment != "" && (comment[0] != '#' || comment == rest) {
					return "", 1, "text follows the closing quote"
				}
				return b.String(), read, ""
			case c == '\\' && quote == '"':
				i++
				at := strings.IndexByte(escapes, line[min(i, len(line)-1)])
				if i == len(line) || at < 0 {
					return "", 1, `a backslash in double quotes precedes n, r, t, \, " or $ only; use single quotes for a plain backslash`
				}
				b.WriteByte(unescaped[at])
			default:
				b.WriteByte(c)
			}
		}
		if len(next) == 0 {
			return "", 1, "the quote is not closed"
		}
		b.WriteByte('\n')
		line, next = next[0], next[1:]
	}
}

// The characters that may follow a backslash, and their meanings in the same order.
const (
	escapes   = `nrt\"$`
	unescaped = "\n\r\t\\\"$"
)
