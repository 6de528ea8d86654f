package crypto

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"

	"github.com/myswiftagent/myvault/internal/trusted"
)

// KeySize is the size of every key, in bytes.
const KeySize = 32

// keyPrefix starts the text form of a key.
const keyPrefix = "base64:"

// ErrKey: a key cannot be used, or the text or the file of one is malformed. The error's
// text says what is wrong and how to make a key; it never repeats the input.
var ErrKey = errors.New("unusable key")

// errNoEncoding is the answer of every encoder.
var errNoEncoding = errors.New("crypto: a Key refuses to be encoded; call Text where it is meant")

const (
	howToMake = `for a new store make one with: echo "base64:$(head -c 32 /dev/urandom | base64)"`
	redacted  = "[REDACTED]"
)

// Key is a secret key of 32 bytes. Printing it gives [REDACTED] whatever the verb, and
// encoding it is an error; [Key.Text] is the one way out. The bytes sit in a closure,
// because fmt prints the unexported fields of an enclosing struct without asking their
// methods. The zero Key is unusable: what takes a key answers ErrKey to it.
type Key struct {
	reveal func() []byte
}

// NewKey makes a random key.
func NewKey() Key {
	b := make([]byte, KeySize)
	_, _ = rand.Read(b) // it never fails: it crashes the program where there is no randomness
	return newKey(b)
}

// newKey owns b from here on.
func newKey(b []byte) Key {
	return Key{reveal: func() []byte { return b }}
}

// ParseKey reads "base64:" followed by 32 bytes in base64 (RFC 4648, section 4: the
// standard alphabet, padded, no line breaks). Everything else is ErrKey, and so are 32
// zero bytes, which only a mistake makes.
func ParseKey(text string) (Key, error) {
	encoded, found := strings.CutPrefix(text, keyPrefix)
	if !found {
		return Key{}, fmt.Errorf("%w: it must start with %q; %s", ErrKey, keyPrefix, howToMake)
	}
	// The decoder would skip line breaks.
	if strings.ContainsAny(encoded, "\r\n") {
		return Key{}, fmt.Errorf("%w: it is not one line; %s", ErrKey, howToMake)
	}
	b, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return Key{}, fmt.Errorf("%w: what follows %q is not padded standard base64; %s", ErrKey, keyPrefix, howToMake)
	}
	switch {
	case len(b) < KeySize:
		return Key{}, fmt.Errorf("%w: it is too short, %d bytes in place of %d; %s", ErrKey, len(b), KeySize, howToMake)
	case len(b) > KeySize:
		return Key{}, fmt.Errorf("%w: it is too long, %d bytes in place of %d; %s", ErrKey, len(b), KeySize, howToMake)
	case bytes.Equal(b, make([]byte, KeySize)):
		return Key{}, fmt.Errorf("%w: all its bytes are zero; %s", ErrKey, howToMake)
	}
	return newKey(b), nil
}

// ReadKeyFile reads a key from a file that holds what [ParseKey] reads, with or without one line
// break at its end. On Unix, ErrKey if its group or others can read the file, or if another user
// than root and that of the process can change the file, a directory above it or a symbolic link on
// the way. A file of root with mode 0440 may be read by one of the process's groups, as Kubernetes
// and systemd hand over secrets. A file that cannot be read is the operating system's error,
// without the path: a key may have been given in its place.
func ReadKeyFile(path string) (Key, error) {
	f, err := trusted.Open(path, trusted.Owner)
	if errors.Is(err, trusted.ErrUntrusted) {
		return Key{}, fmt.Errorf("%w: its file is %w", ErrKey, err)
	}
	if err != nil {
		return Key{}, unreadable(err)
	}
	defer f.Close()
	// A key has 51 characters; reading a little more is enough to see that a file has too many.
	text, err := io.ReadAll(io.LimitReader(f, 256))
	if err != nil {
		return Key{}, unreadable(err)
	}
	line, found := bytes.CutSuffix(text, []byte("\n"))
	if found {
		line = bytes.TrimSuffix(line, []byte("\r"))
	}
	return ParseKey(string(line))
}

// unreadable gives the cause without what was to be opened.
func unreadable(err error) error {
	if named := (*fs.PathError)(nil); errors.As(err, &named) {
		err = named.Err
	}
	return fmt.Errorf("key file: %w; give the path of a file that holds the key, not the key (of the settings, MSA_MASTER_KEY_FILE takes a path, and MSA_MASTER_KEY a key)", err)
}

// Text gives the key as [ParseKey] reads it, for writing it into a .env file. It is named
// so that a search for it in a program finds every place where a key leaves its type.
// It is empty for the zero Key.
func (k Key) Text() string {
	if k.reveal == nil {
		return ""
	}
	return keyPrefix + base64.StdEncoding.EncodeToString(k.reveal())
}

// IsZero reports whether there is no key.
func (k Key) IsZero() bool { return k.reveal == nil }

// bytes gives the key's own bytes, which nobody may change or keep.
func (k Key) bytes() ([]byte, error) {
	if k.reveal == nil {
		return nil, fmt.Errorf("%w: there is none; %s", ErrKey, howToMake)
	}
	return k.reveal(), nil
}

// String gives [REDACTED].
func (Key) String() string { return redacted }

// GoString gives [REDACTED], for %#v.
func (Key) GoString() string { return redacted }

// Format writes [REDACTED] for every verb and flag.
func (Key) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, redacted) }

// LogValue gives [REDACTED] to log/slog.
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON refuses.
func (Key) MarshalJSON() ([]byte, error) { return nil, errNoEncoding }

// MarshalText refuses; encoders of XML, YAML, TOML and flags use it.
func (Key) MarshalText() ([]byte, error) { return nil, errNoEncoding }

// MarshalBinary refuses.
func (Key) MarshalBinary() ([]byte, error) { return nil, errNoEncoding }

// GobEncode refuses.
func (Key) GobEncode() ([]byte, error) { return nil, errNoEncoding }
