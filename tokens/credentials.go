package tokens

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[REDACTED]"

// String gives [REDACTED].
func (Credentials) String() string { return redacted }

// GoString gives [REDACTED], for %#v.
func (Credentials) GoString() string { return redacted }

// Format writes [REDACTED], as that of [myvault.Credentials] does.
func (Credentials) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, redacted) }

// LogValue gives [REDACTED] to log/slog.
func (Credentials) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText refuses; encoders of JSON, XML and YAML use it.
func (Credentials) MarshalText() ([]byte, error) {
	return nil, errors.New("tokens: Credentials refuse to be encoded; they hold a token")
}
