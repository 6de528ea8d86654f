package pattern

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits of names.
const (
	MaxDepth   = 8   // segments of a path
	MaxSegment = 128 // bytes of one segment
)

// Extra is a set of characters that only some segments may contain.
type Extra uint8

// The extra characters.
const (
	Colon Extra = 1 << iota // in a path
	Star                    // in a rule
)

// plainASCII marks the ASCII characters that every segment may contain, blanks apart.
var plainASCII = func() (t [utf8.RuneSelf]bool) {
	for _, r := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-~@+=()!'&" {
		t[r] = true
	}
	return t
}()

// IsReserved reports whether a project is one of the vault's own.
func IsReserved(project string) bool { return strings.HasPrefix(project, ".") }

// IsPlain reports whether s is 1 to most segments of ASCII without blanks, colons and stars, all
// valid. It reads s once. Every read of a secret checks its address, which took a tenth of its
// time with [SegmentProblem] alone.
func IsPlain(s string, most int) bool {
	begin, dots := 0, 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] != '/' {
			if s[i] >= utf8.RuneSelf || !plainASCII[s[i]] {
				return false
			}
			if s[i] == '.' {
				dots++
			}
			continue
		}
		size := i - begin
		if most--; most < 0 || size > MaxSegment || size == dots && size <= len("..") { // empty, . and ..
			return false
		}
		begin, dots = i+1, 0
	}
	return true
}

// SegmentProblem returns what is wrong with a segment of a name, or "" if it is valid. It never
// repeats s, which may be a secret pasted into the wrong field.
func SegmentProblem(s string, extra Extra) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > MaxSegment:
		return fmt.Sprintf("has %d bytes and the limit is %d", len(s), MaxSegment)
	case s == "." || s == "..":
		return "is . or .., which name no secret"
	}
	ascii := true
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= utf8.RuneSelf:
			ascii = false
		case plainASCII[c], c == ':' && extra&Colon != 0, c == '*' && extra&Star != 0:
		case c == ' ':
			if i == 0 || i == len(s)-1 || s[i-1] == ' ' {
				return "has a blank at an end, or two together"
			}
		default:
			return runeProblem(rune(c))
		}
	}
	if ascii {
		return ""
	}
	return unicodeProblem(s)
}

func unicodeProblem(s string) string {
	if !utf8.ValidString(s) {
		return "is not valid UTF-8"
	}
	for _, r := range s {
		if r >= utf8.RuneSelf && !isAllowed(r) {
			return runeProblem(r)
		}
	}
	if !norm.NFC.IsNormalString(s) {
		return "is not in Unicode normal form NFC; normalize it first"
	}
	return ""
}

// runeProblem names a character by its number, because it may be invisible.
func runeProblem(r rune) string {
	return fmt.Sprintf("contains %U; names take letters, digits, single blanks and . _ - ~ @ + = ( ) ! ' &", r)
}

// middleDot separates words in Japanese names. Unicode classes it as punctuation.
const middleDot = '\u30FB'

// isAllowed reports whether a name may contain r, a character beyond ASCII. Characters that a
// reader cannot see (the Unicode property Default_Ignorable_Code_Point) are refused although
// some of them are letters or marks.
func isAllowed(r rune) bool {
	if unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
		return false
	}
	return r == middleDot || unicode.In(r, unicode.L, unicode.M, unicode.Nd)
}

// IsWord reports whether s consists of ASCII letters, digits, _ and - only.
func IsWord(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return r >= utf8.RuneSelf || !plainASCII[r] || strings.ContainsRune(".~@+=()!'&", r)
	}) < 0
}
