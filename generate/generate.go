// Package generate generates passwords, keys and tokens from the system's randomness, for
// [myvault.Session.PutVersion] and the HTTP API. No person ever sees the value.
//
//	password, err := generate.Text(32, generate.Alphanumeric)
//	info, err := session.PutVersion(ctx, addr, myvault.NewVersion{Generate: password})
//
// The functions refuse generators whose values could be guessed, with less than [MinBits] of
// entropy. For other values, such as a key pair or the result of a call to another system, a
// program writes its own [myvault.Generator].
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

// The alphabets for [Text].
const (
	Alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	Hex          = "0123456789abcdef"
	Base64URL    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	// Readable is for values typed from paper: lower-case letters and digits without 0, o, 1, l, i.
	Readable = "abcdefghjkmnpqrstuvwxyz23456789"
	// Printable is every visible ASCII character except quotes, backslash, backquote and dollar,
	// which have a meaning in shells and settings files.
	Printable = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#%&()*+,-./:;<=>?@[]^_{|}~"
)

// alphabets are the alphabets and their names in the HTTP API.
var alphabets = [...]struct{ name, alphabet string }{
	{"alphanumeric", Alphanumeric},
	{"hex", Hex},
	{"base64url", Base64URL},
	{"readable", Readable},
	{"printable", Printable},
}

// Alphabet returns the alphabet with a name: alphanumeric, hex, base64url, readable or
// printable. It returns ErrInvalid for other names.
func Alphabet(name string) (string, error) {
	for _, a := range alphabets {
		if a.name == name {
			return a.alphabet, nil
		}
	}
	return "", fmt.Errorf("%w alphabet: use alphanumeric, hex, base64url, readable or printable", myvault.ErrInvalid)
}

const (
	// MinBits is the minimum entropy of a generated value, in bits, against exhaustive search.
	MinBits = 64
	// MaxLength is the maximum length of a generated value, in characters or bytes.
	MaxLength = 4096
)

// Text returns a generator of texts of length characters, each chosen from the alphabet with
// equal probability. It returns ErrInvalid for a length over [MaxLength], and for an alphabet
// that is not UTF-8, has fewer than two characters, or has one twice. It also returns
// ErrInvalid for less than [MinBits] of entropy, which is length * log2(size of the alphabet).
func Text(length int, alphabet string) (myvault.Generator, error) {
	letters := []rune(alphabet)
	if err := validateAlphabet(alphabet, letters); err != nil {
		return nil, err
	}
	if err := validateSize(length, math.Log2(float64(len(letters))), "characters of this alphabet"); err != nil {
		return nil, err
	}
	return func(context.Context) (myvault.Value, error) { return randomText(length, letters), nil }, nil
}

// Bytes returns a generator of n random bytes. It returns ErrInvalid for n over [MaxLength] or
// under 8.
func Bytes(n int) (myvault.Generator, error) {
	if err := validateSize(n, 8, "bytes"); err != nil {
		return nil, err
	}
	return func(context.Context) (myvault.Value, error) {
		b := make([]byte, n)
		_, _ = rand.Read(b) // never fails: it crashes the program if the system has no randomness
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
			return fmt.Errorf("%w alphabet: a character occurs twice; remove one", myvault.ErrInvalid)
		}
	}
	if len(letters) < 2 {
		return fmt.Errorf("%w alphabet: use at least two characters", myvault.ErrInvalid)
	}
	return nil
}

// validateSize checks a length in units that have bits of entropy each.
func validateSize(length int, bits float64, units string) error {
	if least := int(math.Ceil(MinBits / bits)); length < least {
		return fmt.Errorf("%w length: use at least %d %s; fewer could be guessed", myvault.ErrInvalid, least, units)
	}
	if length > MaxLength {
		return fmt.Errorf("%w length: the limit is %d", myvault.ErrInvalid, MaxLength)
	}
	return nil
}

// randomText returns length random letters.
func randomText(length int, letters []rune) myvault.Value {
	random := mathrand.New(systemSource{})
	out := make([]rune, length)
	for i := range out {
		out[i] = letters[random.IntN(len(letters))]
	}
	value := []byte(string(out))
	defer clear(value)
	clear(out)
	return myvault.Bytes(value)
}

// systemSource is the system's randomness as a source for math/rand. Only IntN of math/rand is
// used, because it is unbiased: a remainder would favor the first letters.
type systemSource struct{}

func (systemSource) Uint64() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, see above
	return binary.LittleEndian.Uint64(b[:])
}
