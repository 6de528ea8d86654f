package tokens

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[REDACTED]"

// String returns [REDACTED].
func (Credentials) String() string { return redacted }

// GoString returns [REDACTED], for %#v.
func (Credentials) GoString() string { return redacted }

// Format writes [REDACTED], as the method of [myvault.Credentials] does.
func (Credentials) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, redacted) }

// LogValue returns [REDACTED], for log/slog.
func (Credentials) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns an error. Encoders of JSON, XML and YAML use it.
func (Credentials) MarshalText() ([]byte, error) {
	return nil, errors.New("tokens: Credentials cannot be encoded: they hold a token")
}
