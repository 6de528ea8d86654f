package myvault

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
)

// MaxValue is the size limit of one value on every provider, in bytes (512 KiB).
// HashiCorp Vault stores no more in one entry once it is encoded.
const MaxValue = 512 << 10

// redacted is what a Value shows wherever it is printed.
const redacted = "[REDACTED]"

// errNoEncoding is the answer of every encoder, so that a placeholder can
// never be stored or sent in place of the value.
var errNoEncoding = errors.New("myvault: a Value refuses to be encoded; call Reveal where it is meant")

// Value holds the bytes of a secret. Printing it gives [REDACTED] whatever the
// verb, encoding it is an error, and it cannot be compared with ==; [Value.Reveal]
// is the one way out. The bytes sit in a closure, because fmt prints the unexported
// fields of an enclosing struct without asking their methods.
// The zero Value is empty and is refused by Put.
type Value struct {
	reveal func() []byte
}

// Text makes a Value from a string.
func Text(s string) Value { return own([]byte(s)) }

// Bytes makes a Value from a copy of b, so the caller may clear its own.
func Bytes(b []byte) Value { return own(slices.Clone(b)) }

// own makes a Value from b without a copy; nobody else may keep b.
func own(b []byte) Value {
	return Value{reveal: func() []byte { return b }}
}

// Reveal gives the secret as a string. It is named so that a search for it in a
// program finds every place where a value leaves the vault's types.
func (v Value) Reveal() string {
	if v.reveal == nil {
		return ""
	}
	return string(v.reveal())
}

// RevealBytes gives a copy of the secret, which the caller may clear after use.
func (v Value) RevealBytes() []byte {
	if v.reveal == nil {
		return nil
	}
	return slices.Clone(v.reveal())
}

// Len is the size of the secret in bytes.
func (v Value) Len() int {
	if v.reveal == nil {
		return 0
	}
	return len(v.reveal())
}

// Validate reports ErrInvalid for an empty value and ErrTooLarge for one over [MaxValue].
func (v Value) Validate() error {
	switch n := v.Len(); {
	case n == 0:
		return fmt.Errorf("%w: the value is empty; a secret holds at least one byte", ErrInvalid)
	case n > MaxValue:
		return fmt.Errorf("%w: the value has %d bytes and the limit is %d", ErrTooLarge, n, MaxValue)
	}
	return nil
}

// String gives [REDACTED].
func (Value) String() string { return redacted }

// GoString gives [REDACTED], for %#v.
func (Value) GoString() string { return redacted }

// Format writes [REDACTED] for every verb and flag.
func (Value) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, redacted) }

// LogValue gives [REDACTED] to log/slog.
func (Value) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON refuses.
func (Value) MarshalJSON() ([]byte, error) { return nil, errNoEncoding }

// MarshalText refuses; encoders of XML, YAML, TOML and flags use it.
func (Value) MarshalText() ([]byte, error) { return nil, errNoEncoding }

// MarshalBinary refuses.
func (Value) MarshalBinary() ([]byte, error) { return nil, errNoEncoding }

// GobEncode refuses.
func (Value) GobEncode() ([]byte, error) { return nil, errNoEncoding }
