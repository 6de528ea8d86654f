package httpapi

import (
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/generate"
	"github.com/myswiftagent/myvault/internal/rfc3339"
)

// newVersionBody holds the members of a body that make a version: value, with encoding if
// it is base64, or generate; and the times of the version, if any.
type newVersionBody struct {
	Value       *string       `json:"value"`
	Encoding    *string       `json:"encoding"`
	Generate    *generateBody `json:"generate"`
	ExpiresAt   *string       `json:"expires_at"`
	RotateAfter *string       `json:"rotate_after"`
}

// newVersionMembers describes them for errors.
const newVersionMembers = "value (a string), with encoding if it is base64, or generate (an object); expires_at and rotate_after (times)"

// generateBody requests a value that the vault generates: characters, encoded bytes, or the
// result of a function of the embedding program.
type generateBody struct {
	Length   *int    `json:"length"`
	Alphabet *string `json:"alphabet"`
	Bytes    *int    `json:"bytes"`
	Encoding *string `json:"encoding"`
	Function *string `json:"function"`
}

// The defaults generate about 190 bits, or 256.
const (
	defaultLength   = 32
	defaultAlphabet = "alphanumeric"
	defaultBytes    = 32
	defaultEncoding = "base64url"
)

// newVersion returns the version that b describes.
func (c *call) newVersion(b newVersionBody) (v myvault.NewVersion, err error) {
	if v.Expires, err = sentTime("expires_at", b.ExpiresAt); err != nil {
		return v, err
	}
	if v.RotateAfter, err = sentTime("rotate_after", b.RotateAfter); err != nil {
		return v, err
	}
	switch {
	case b.Generate == nil:
		v.Value, err = readValue(b.Value, b.Encoding)
	case b.Value != nil || b.Encoding != nil:
		err = unprocessable("generate makes the value: omit value and encoding", "generate")
	default:
		v.Generate, err = c.generator(*b.Generate)
	}
	if err != nil {
		return v, err
	}
	return v, fieldError(v.Validate(), b.fault(v))
}

// fault returns the name of the member that makes v invalid.
func (b newVersionBody) fault(v myvault.NewVersion) string {
	switch {
	case v.Generate == nil && v.Value.Validate() != nil:
		return "value"
	case !v.Expires.IsZero():
		return "expires_at"
	}
	return "rotate_after"
}

// given reports whether any of the members is present.
func (b newVersionBody) given() bool { return b != newVersionBody{} }

// sentTime parses a time in a body. The zero time is an error: the vault would take it as
// no time.
func sentTime(member string, text *string) (t time.Time, err error) {
	if text == nil {
		return t, nil
	}
	if t, err = rfc3339.Parse(*text); err != nil || t.IsZero() {
		return t, unprocessable("invalid member "+member+": use a time such as 2026-01-31T12:00:00Z, or omit it", member)
	}
	return t, nil
}

// generator returns the generator that b requests.
func (c *call) generator(b generateBody) (myvault.Generator, error) {
	letters, bytes := b.Length != nil || b.Alphabet != nil, b.Bytes != nil || b.Encoding != nil
	if letters && bytes || b.Function != nil && (letters || bytes) {
		return nil, unprocessable("generate takes either function, or length and alphabet, or bytes and encoding", "generate")
	}
	if bytes {
		return b.encoded()
	}
	if b.Function != nil {
		g := c.api.generators[*b.Function]
		if g == nil {
			return nil, unprocessable("unknown function in generate: ask the operator for the list", "generate")
		}
		return g, nil
	}
	length, name := defaultLength, defaultAlphabet
	if b.Length != nil {
		length = *b.Length
	}
	if b.Alphabet != nil {
		name = *b.Alphabet
	}
	alphabet, err := generate.Alphabet(name)
	if err != nil {
		return nil, fieldError(err, "generate")
	}
	g, err := generate.Text(length, alphabet)
	return g, fieldError(err, "generate")
}

// encoded returns the generator of bytes in an encoding.
func (b generateBody) encoded() (myvault.Generator, error) {
	n, name := defaultBytes, defaultEncoding
	if b.Bytes != nil {
		n = *b.Bytes
	}
	if b.Encoding != nil {
		name = *b.Encoding
	}
	encode, err := generate.Encoding(name)
	if err != nil {
		return nil, fieldError(err, "generate")
	}
	g, err := generate.Encoded(n, encode)
	return g, fieldError(err, "generate")
}

// written returns the body of the response to a write: with the value, unless it was generated.
func written(info myvault.Info, v myvault.NewVersion) any {
	if v.Generate != nil {
		return itemOf(info)
	}
	return secretOf(info, v.Value)
}

const base64Encoding = "base64"

// readValue returns the value of the members "value" and "encoding" of a body. Base64 is
// that of RFC 4648 section 4, padded, without line breaks.
func readValue(text, encoding *string) (myvault.Value, error) {
	if text == nil {
		return myvault.Value{}, unprocessable("missing member value: send a string, or generate", "value")
	}
	value := myvault.Text(*text)
	if encoding != nil {
		if *encoding != base64Encoding {
			return myvault.Value{}, unprocessable("unknown encoding: use base64, or omit it", "encoding")
		}
		raw, err := base64.StdEncoding.Strict().DecodeString(*text)
		if err != nil || strings.ContainsAny(*text, "\r\n") {
			return myvault.Value{}, unprocessable("invalid base64 in value: use the standard alphabet with padding, without line breaks", "value")
		}
		value = myvault.Bytes(raw)
	}
	return value, nil
}

// fieldError turns ErrInvalid into a 422 for a member that is not a name.
func fieldError(err error, member string) error {
	if errors.Is(err, myvault.ErrInvalid) {
		return unprocessable(cause(err).Error(), member)
	}
	return err
}
