// Package rfc3339 formats times, and parses them strictly as RFC 3339 defines them. [time.Parse]
// accepts more.
package rfc3339

import (
	"errors"
	"time"
)

// errSyntax does not repeat the text, which may be a misplaced secret.
var errSyntax = errors.New("use an RFC 3339 time such as 2026-01-31T12:00:00Z")

// Format returns t in UTC with its fraction of a second, or "" for the zero time.
func Format(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// Parse parses text and returns the time in UTC. T and Z must be upper case, a fraction must begin
// with a point, and the year in UTC must be 1 to 9999. Leap seconds are an error, because
// [time.Time] cannot represent them.
func Parse(text string) (time.Time, error) {
	if !wellFormed(text) {
		return time.Time{}, errSyntax
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, errSyntax
	}
	t = t.UTC()
	if t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, errSyntax
	}
	return t, nil
}

// wellFormed checks what time.Parse does not (https://go.dev/issue/54580): the number of digits,
// the point and the offset.
func wellFormed(text string) bool {
	const date = "dddd-dd-ddTdd:dd:dd"
	if len(text) <= len(date) || !matches(text[:len(date)], date) {
		return false
	}
	rest := text[len(date):]
	if rest[0] == '.' {
		digits := 1
		for digits < len(rest) && isDigit(rest[digits]) {
			digits++
		}
		if digits == 1 {
			return false
		}
		rest = rest[digits:]
	}
	if rest == "Z" {
		return true
	}
	return (matches(rest, "+dd:dd") || matches(rest, "-dd:dd")) && rest[1:3] <= "23" && rest[4:] <= "59"
}

// matches reports whether text equals pattern, in which d matches any digit.
func matches(text, pattern string) bool {
	if len(text) != len(pattern) {
		return false
	}
	for i := range len(text) {
		if pattern[i] == 'd' && !isDigit(text[i]) || pattern[i] != 'd' && text[i] != pattern[i] {
			return false
		}
	}
	return true
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }
