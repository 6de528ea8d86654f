package myvault

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// String gives [REDACTED]: the token may stand in any field of what a caller showed.
func (Credentials) String() string { return redacted }

// GoString gives [REDACTED], for %#v.
func (Credentials) GoString() string { return redacted }

// Format writes [REDACTED] for every verb and flag that it is asked for. Unlike a [Value] it cannot help
// where fmt asks no methods: for %p, and in the unexported field of another struct.
func (Credentials) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, redacted) }

// LogValue gives [REDACTED] to log/slog.
func (Credentials) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText refuses; encoders of JSON, XML and YAML use it.
func (Credentials) MarshalText() ([]byte, error) {
	return nil, errors.New("myvault: Credentials refuse to be encoded; they hold a token")
}
