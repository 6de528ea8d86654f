package myvault

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
)

// MaxValue is the size limit of a value on every provider, in bytes. HashiCorp Vault cannot store
// more in one entry.
const MaxValue = 512 << 10

// redacted is printed in place of a secret.
const redacted = "[REDACTED]"

// errNoEncoding is the error of every encoder, so that a placeholder can never be stored or sent in
// place of a secret.
var errNoEncoding = errors.New("myvault: secrets cannot be encoded; call Value.Reveal to encode one on purpose")

// Value contains the bytes of a secret. It prints as [REDACTED] with every verb, encoding it is an
// error, and it cannot be compared with ==. Only [Value.Reveal] and [Value.RevealBytes] return the
// secret. The zero Value is empty, and Put refuses it.
//
// The bytes are in a closure, because fmt prints the unexported fields of a struct without calling
// their methods.
type Value struct {
	redaction
	reveal func() []byte
}

// Text returns a Value with the bytes of s.
func Text(s string) Value {
	b := []byte(s)
	return Value{reveal: func() []byte { return b }}
}

// Bytes returns a Value with a copy of b, so the caller may clear b.
func Bytes(b []byte) Value {
	b = slices.Clone(b)
	return Value{reveal: func() []byte { return b }}
}

// Reveal returns the secret as a string. Search a program for Reveal to find every use of a
// secret.
func (v Value) Reveal() string {
	if v.reveal == nil {
		return ""
	}
	return string(v.reveal())
}

// RevealBytes returns a copy of the secret, which the caller may clear after use.
func (v Value) RevealBytes() []byte {
	if v.reveal == nil {
		return nil
	}
	return slices.Clone(v.reveal())
}

// Len returns the size of the secret in bytes.
func (v Value) Len() int {
	if v.reveal == nil {
		return 0
	}
	return len(v.reveal())
}

// Validate returns ErrInvalid for an empty value and ErrTooLarge for one over [MaxValue].
func (v Value) Validate() error {
	switch n := v.Len(); {
	case n == 0:
		return fmt.Errorf("%w: the value is empty; a secret holds at least one byte", ErrInvalid)
	case n > MaxValue:
		return fmt.Errorf("%w: the value has %d bytes and the limit is %d", ErrTooLarge, n, MaxValue)
	}
	return nil
}

// redaction has the methods that keep a secret out of logs and files. Embedding it redacts the
// whole struct. Format serves every verb of fmt. String and GoString serve printers that do not
// call Format, such as the one of gomega. MarshalText serves the encoders of JSON, XML, YAML and
// TOML, and MarshalBinary that of gob.
type redaction struct{}

// String returns [REDACTED].
func (redaction) String() string { return redacted }

// GoString returns [REDACTED].
func (redaction) GoString() string { return redacted }

// Format writes [REDACTED] for every verb and flag.
func (redaction) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, redacted) }

// LogValue returns [REDACTED].
func (redaction) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns an error.
func (redaction) MarshalText() ([]byte, error) { return nil, errNoEncoding }

// MarshalBinary returns an error.
func (redaction) MarshalBinary() ([]byte, error) { return nil, errNoEncoding }
