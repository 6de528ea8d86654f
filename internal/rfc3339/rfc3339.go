// Package rfc3339 reads times as RFC 3339 has them, and nothing that [time.Parse] accepts beyond.
package rfc3339

import (
	"errors"
	"time"
)

// errSyntax never repeats the text, which may be a secret in the wrong place.
var errSyntax = errors.New("want a time of RFC 3339 such as 2026-01-31T12:00:00Z")

// Parse returns the time that text names, in UTC. T and Z are upper-case letters, a fraction begins
// with a point, and the result lies within the years 1 to 9999 of UTC. A leap second is refused,
// because [time.Time] has none.
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

// wellFormed checks the parts that time.Parse is lax about (https://go.dev/issue/54580): the number of
// digits, the point and the offset.
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

// matches reports whether text has a digit for each d of the pattern, and its other bytes as they
// are.
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
