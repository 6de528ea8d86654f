// Package generate makes values that nobody has seen: passwords, keys and tokens of the
// system's randomness, for [myvault.Session.PutVersion] and the HTTP API.
//
//	password, err := generate.Text(32, generate.Alphanumeric)
//	info, err := session.PutDraft(ctx, addr, myvault.Draft{Generate: password})
//
// A generator that could be guessed is refused when it is made, below [MinBits]. Whatever else
// makes a value, a pair of keys or a call to another system, is a [myvault.Generator] of
// the program's own.
package generate

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math"
	mathrand "math/rand/v2"
	"strings"
	"unicode/utf8"

	"github.com/myswiftagent/myvault"
)

// Alphabets to make texts of.
const (
	Alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	Hex          = "0123456789abcdef"
	Base64URL    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	// Readable is for what is typed from paper: lower-case letters and digits, without 0 and o, 1, l and i.
	Readable = "abcdefghjkmnpqrstuvwxyz23456789"
	// Printable has every visible character of ASCII but quotes, backslash, backquote and dollar,
	// which shells and settings files take for something else.
	Printable = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#%&()*+,-./:;<=>?@[]^_{|}~"
)

// names are the alphabets by the names that the HTTP API takes.
var names = [...]struct{ name, alphabet string }{
	{"alphanumeric", Alphanumeric},
	{"hex", Hex},
	{"base64url", Base64URL},
	{"readable", Readable},
	{"printable", Printable},
}

// Alphabet gives the alphabet of a name: alphanumeric, hex, base64url, readable or printable.
// ErrInvalid for another.
func Alphabet(name string) (string, error) {
	for _, a := range names {
		if a.name == name {
			return a.alphabet, nil
		}
	}
	return "", fmt.Errorf("%w alphabet: want alphanumeric, hex, base64url, readable or printable", myvault.ErrInvalid)
}

const (
	// MinBits is the least entropy of a generated value, in bits: fewer can be tried out.
	MinBits = 64
	// MaxLength is the largest number of characters or bytes that are generated.
	MaxLength = 4096
)

// Text makes values of length characters, each drawn from the alphabet with the same
// probability. ErrInvalid for a length over [MaxLength], for an alphabet that is no UTF-8, has fewer
// than two characters or one of them twice, and for less than [MinBits]: length * log2(size).
func Text(length int, alphabet string) (myvault.Generator, error) {
	letters := []rune(alphabet)
	if err := validateAlphabet(alphabet, letters); err != nil {
		return nil, err
	}
	if err := validateSize(length, math.Log2(float64(len(letters))), "characters of this alphabet"); err != nil {
		return nil, err
	}
	return func(context.Context) (myvault.Value, error) { return text(length, letters), nil }, nil
}

// Bytes makes values of n random bytes. ErrInvalid for n over [MaxLength] or under 8.
func Bytes(n int) (myvault.Generator, error) {
	if err := validateSize(n, 8, "bytes"); err != nil {
		return nil, err
	}
	return func(context.Context) (myvault.Value, error) {
		b := make([]byte, n)
		_, _ = rand.Read(b) // never fails: it crashes the program where there is no randomness
		defer clear(b)
		return myvault.Bytes(b), nil
	}, nil
}

func validateAlphabet(alphabet string, letters []rune) error {
	if !utf8.ValidString(alphabet) {
		return fmt.Errorf("%w alphabet: not valid UTF-8", myvault.ErrInvalid)
	}
	for i, r := range letters {
		if strings.IndexRune(alphabet, r) != len(string(letters[:i])) {
			return fmt.Errorf("%w alphabet: a character is given twice, so it would come more often", myvault.ErrInvalid)
		}
	}
	if len(letters) < 2 {
		return fmt.Errorf("%w alphabet: it needs two characters at least", myvault.ErrInvalid)
	}
	return nil
}

// validateSize takes the bits of entropy that each of the units adds.
func validateSize(length int, bits float64, units string) error {
	if least := int(math.Ceil(MinBits / bits)); length < least {
		return fmt.Errorf("%w length: fewer than %d %s could be guessed", myvault.ErrInvalid, least, units)
	}
	if length > MaxLength {
		return fmt.Errorf("%w length: the limit is %d", myvault.ErrInvalid, MaxLength)
	}
	return nil
}

// text draws letters.
func text(length int, letters []rune) myvault.Value {
	draw := mathrand.New(system{})
	out := make([]rune, length)
	for i := range out {
		out[i] = letters[draw.IntN(len(letters))]
	}
	value := []byte(string(out))
	defer clear(value)
	clear(out)
	return myvault.Bytes(value)
}

// system is the system's randomness as a source for math/rand, of which nothing is used but
// how it draws from a range: a remainder would favour the first letters.
type system struct{}

func (system) Uint64() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, see above
	return binary.LittleEndian.Uint64(b[:])
}
