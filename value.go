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

// errNoEncoding is the error of every encoder, so that a placeholder can never be stored or sent in
// place of a secret.
var errNoEncoding = errors.New("myvault: secrets cannot be encoded; call Value.Reveal to encode one on purpose")

// Value holds the bytes of a secret. Printing it gives [REDACTED] whatever the
// verb, encoding it is an error, and it cannot be compared with ==; [Value.Reveal]
// is the one way out. The bytes sit in a closure, because fmt prints the unexported
// fields of an enclosing struct without asking their methods.
// The zero Value is empty and is refused by Put.
type Value struct {
	redaction
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

// redaction has the methods that keep a secret out of logs and files. Embedding it redacts the
// whole struct. Format serves every verb of fmt. MarshalText serves the encoders of JSON, XML,
// YAML and TOML, and MarshalBinary that of gob.
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
