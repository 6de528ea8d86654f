package myvault

import (
	"strings"
	"unicode/utf8"
)

// readEnvEntry reads the entry that begins on the first of lines, and returns how many lines it
// has. The key is empty for a blank line or a comment, and the reason is empty unless the entry is
// malformed.
func readEnvEntry(lines []string) (key, value string, taken int, reason string) {
	line := strings.TrimLeft(lines[0], blanks)
	if line == "" || line[0] == '#' {
		return "", "", 1, ""
	}
	if reason := unfitLine(line); reason != "" {
		return "", "", 1, reason
	}
	key, text, found := strings.Cut(line, "=")
	if !found {
		return "", "", 1, "want KEY=VALUE"
	}
	key = strings.Trim(key, blanks)
	if bare, exported := strings.CutPrefix(key, "export"); exported && strings.TrimLeft(bare, blanks) != bare {
		key = strings.TrimLeft(bare, blanks)
	}
	if !validKey(key) {
		return "", "", 1, "a key is letters, digits, _, - and ., and starts with a letter or _"
	}
	start := strings.TrimLeft(text, blanks)
	if start == "" || start[0] != '\'' && start[0] != '"' {
		return key, plainEnvValue(text), 1, ""
	}
	if value, taken, reason = quotedEnvValue(start[1:], lines[1:], start[0]); reason != "" {
		return key, "", 1, nameKey(key) + ": " + reason
	}
	return key, value, taken, ""
}

// blanks are what may surround keys and values.
const blanks = " \t"

func unfitLine(line string) string {
	if !utf8.ValidString(line) {
		return "not valid UTF-8"
	}
	if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7F }) {
		return "holds a control character"
	}
	return ""
}

// plainEnvValue reads what follows the = without quotes, up to a comment.
func plainEnvValue(text string) string {
	for i := 1; i < len(text); i++ {
		if text[i] == '#' && (text[i-1] == ' ' || text[i-1] == '\t') {
			text = text[:i]
		}
	}
	return strings.Trim(text, blanks)
}

// quotedEnvValue reads from behind the opening quote to the closing one, on whichever line that is.
func quotedEnvValue(line string, next []string, quote byte) (value string, taken int, reason string) {
	var read strings.Builder
	for n := 1; ; n++ {
		if reason := unfitLine(line); reason != "" {
			return "", 0, reason
		}
		for i := 0; i < len(line); i++ {
			switch c := line[i]; {
			case c == quote:
				rest := line[i+1:]
				comment := strings.TrimLeft(rest, blanks)
				if comment != "" && (comment[0] != '#' || comment == rest) {
					return "", 0, "text follows the closing quote"
				}
				return read.String(), n, ""
			case c == '\\' && quote == '"':
				i++
				at := strings.IndexByte(escapedEnv, line[min(i, len(line)-1)])
				if i == len(line) || at < 0 {
					return "", 0, `a backslash in double quotes precedes n, r, t, \, " or $ only; single quotes take it as it is`
				}
				read.WriteByte(unescapedEnv[at])
			default:
				read.WriteByte(c)
			}
		}
		if len(next) == 0 {
			return "", 0, "the quote is not closed"
		}
		read.WriteByte('\n')
		line, next = next[0], next[1:]
	}
}

// The characters that may follow a backslash, and their meanings in the same order.
const (
	escapedEnv   = `nrt\"$`
	unescapedEnv = "\n\r\t\\\"$"
)
