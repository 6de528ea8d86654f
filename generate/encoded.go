package generate

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/myswiftagent/myvault"
)

// encodings are the encodings of bytes as text and their names in the HTTP API.
var encodings = [...]struct {
	name   string
	encode func([]byte) string
}{
	{"base64", base64.StdEncoding.EncodeToString},
	{"base64url", base64.URLEncoding.EncodeToString},
	{"base64url-unpadded", base64.RawURLEncoding.EncodeToString},
	{"hex", hex.EncodeToString},
}

// Encoding returns the function that encodes bytes as base64 or base64url (RFC 4648, sections 4
// and 5, padded), base64url-unpadded, or hex. It returns ErrInvalid for other names.
func Encoding(name string) (func([]byte) string, error) {
	for _, e := range encodings {
		if e.name == name {
			return e.encode, nil
		}
	}
	return nil, fmt.Errorf("%w encoding: use base64, base64url, base64url-unpadded or hex", myvault.ErrInvalid)
}

// Encoded returns a generator of n random bytes encoded as text, for keys that a program decodes:
//
//	key, err := generate.Encoded(32, base64.URLEncoding.EncodeToString)
//
// It returns ErrInvalid for n over [MaxLength] or under 8, and for a nil encode.
func Encoded(n int, encode func([]byte) string) (myvault.Generator, error) {
	if encode == nil {
		return nil, fmt.Errorf("%w encoding: the function is nil", myvault.ErrInvalid)
	}
	if err := validateSize(n, 8, "bytes"); err != nil {
		return nil, err
	}
	return func(context.Context) (myvault.Value, error) {
		b := make([]byte, n)
		_, _ = rand.Read(b) // never fails, see Bytes
		defer clear(b)
		return myvault.Text(encode(b)), nil
	}, nil
}

// Parse returns the generator that text describes, for settings: "bytes:32:base64url" for
// [Encoded], or "text:32:alphanumeric" for [Text]. It returns ErrInvalid for other texts. The
// error does not repeat the text.
func Parse(text string) (myvault.Generator, error) {
	kind, rest, _ := strings.Cut(text, ":")
	digits, name, _ := strings.Cut(rest, ":")
	length, err := strconv.Atoi(digits)
	if err != nil || kind != "bytes" && kind != "text" {
		return nil, fmt.Errorf("%w generator: use a text such as bytes:32:base64url or text:32:alphanumeric", myvault.ErrInvalid)
	}
	if kind == "bytes" {
		encode, err := Encoding(name)
		if err != nil {
			return nil, err
		}
		return Encoded(length, encode)
	}
	alphabet, err := Alphabet(name)
	if err != nil {
		return nil, err
	}
	return Text(length, alphabet)
}
