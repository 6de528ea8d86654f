package myvault

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// place says where a segment stands; it decides which extra characters it may hold.
type place uint8

const (
	inProject place = 1 << iota // a project name
	inPath                      // a segment of a path: a colon too
	inRule                      // a pattern of a rule: '*' too
)

// plainASCII marks the ASCII bytes that every segment may hold, blanks apart.
var plainASCII = func() (t [utf8.RuneSelf]bool) {
	for _, r := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-~@+=()!'&" {
		t[r] = true
	}
	return t
}()

// plainSegments reports whether s is 1 to most segments that checkSegment takes anywhere, of ASCII without blanks. It goes over
// s once: reading a secret begins with this, and took a tenth of its time to check a name.
func plainSegments(s string, most int) bool {
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
		if most--; most < 0 || size > MaxSegment || size == dots && size <= len("..") { // none, . and ..
			return false
		}
		begin, dots = i+1, 0
	}
	return true
}

// checkSegment gives the reason why s is no segment of a name, or "". The reason
// never repeats s: what stands where a name belongs may be a secret pasted by mistake.
func checkSegment(s string, where place) string {
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
		case plainASCII[c], c == ':' && where&inPath != 0, c == '*' && where&inRule != 0:
		case c == ' ':
			if i == 0 || i == len(s)-1 || s[i-1] == ' ' {
				return "has a blank at an end, or two together"
			}
		default:
			return refuseRune(rune(c))
		}
	}
	if ascii {
		return ""
	}
	return checkUnicode(s)
}

// checkUnicode is the part of checkSegment for characters beyond ASCII.
func checkUnicode(s string) string {
	if !utf8.ValidString(s) {
		return "is not valid UTF-8"
	}
	for _, r := range s {
		if r >= utf8.RuneSelf && !allowedRune(r) {
			return refuseRune(r)
		}
	}
	if !norm.NFC.IsNormalString(s) {
		return "is not in Unicode normal form NFC; normalise it where it comes from"
	}
	return ""
}

// refuseRune names a character by its number: shown as it is, it may not be seen.
func refuseRune(r rune) string {
	return fmt.Sprintf("holds %U; names take letters, digits, single blanks and . _ - ~ @ + = ( ) ! ' &", r)
}

// middleDot separates words in Japanese names; it is punctuation to Unicode.
const middleDot = '\u30FB'

// allowedRune reports whether a name may hold r, a character beyond ASCII. Characters
// that a reader cannot see (the Unicode property Default_Ignorable_Code_Point)
// are refused although some of them are letters or marks.
func allowedRune(r rune) bool {
	if unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
		return false
	}
	return r == middleDot || unicode.In(r, unicode.L, unicode.M, unicode.Nd)
}

// ValidateService reports what is wrong with a name of a service; the error wraps [ErrInvalid].
func ValidateService(s string) error {
	if s == "" || len(s) > 64 || s[0] == '_' || s[0] == '-' || !wordy(s) {
		return fmt.Errorf("%w service: a name is [A-Za-z0-9][A-Za-z0-9_-]{0,63}", ErrInvalid)
	}
	return nil
}

// wordy reports whether s is made of ASCII letters, digits, _ and - alone.
func wordy(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool {
		return r >= utf8.RuneSelf || !plainASCII[r] || strings.ContainsRune(".~@+=()!'&", r)
	}) < 0
}
