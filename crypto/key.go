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

// ErrKey means that a key is unusable, or that the text or the file of one is malformed.
// The error says what is wrong and how to make a key. It never repeats the input.
var ErrKey = errors.New("unusable key")

// errNoEncoding is returned by every encoding method.
var errNoEncoding = errors.New("crypto: a Key cannot be encoded; call Text to export it")

const (
	howToMake = `for a new store make one with: echo "base64:$(head -c 32 /dev/urandom | base64)"`
	redacted  = "[REDACTED]"
)

// Key is a secret key of 32 bytes. Every verb prints it as [REDACTED], and encoding it is an
// error: only [Key.Text] reveals it. The bytes are kept in a closure, because fmt prints the
// unexported fields of an enclosing struct without calling their methods. The zero Key is
// unusable: functions that need a key return ErrKey for it.
type Key struct {
	reveal func() []byte
}

// NewKey returns a random key.
func NewKey() Key {
	b := make([]byte, KeySize)
	_, _ = rand.Read(b) // never fails: it crashes the program if the system has no randomness
	return newKey(b)
}

// newKey returns a key that owns b.
func newKey(b []byte) Key {
	return Key{reveal: func() []byte { return b }}
}

// ParseKey parses "base64:" followed by 32 bytes in base64 (RFC 4648, section 4: the
// standard alphabet, padded, no line breaks). It returns ErrKey for any other text, and for
// 32 zero bytes, which can only be a mistake.
func ParseKey(text string) (Key, error) {
	encoded, found := strings.CutPrefix(text, keyPrefix)
	if !found {
		return Key{}, fmt.Errorf("%w: it must start with %q; %s", ErrKey, keyPrefix, howToMake)
	}
	// The decoder skips line breaks.
	if strings.ContainsAny(encoded, "\r\n") {
		return Key{}, fmt.Errorf("%w: it is not one line; %s", ErrKey, howToMake)
	}
	b, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return Key{}, fmt.Errorf("%w: the text after %q is not padded standard base64; %s", ErrKey, keyPrefix, howToMake)
	}
	switch {
	case len(b) < KeySize:
		return Key{}, fmt.Errorf("%w: it is too short, %d bytes instead of %d; %s", ErrKey, len(b), KeySize, howToMake)
	case len(b) > KeySize:
		return Key{}, fmt.Errorf("%w: it is too long, %d bytes instead of %d; %s", ErrKey, len(b), KeySize, howToMake)
	case bytes.Equal(b, make([]byte, KeySize)):
		return Key{}, fmt.Errorf("%w: all its bytes are zero; %s", ErrKey, howToMake)
	}
	return newKey(b), nil
}

// ReadKeyFile reads a key in the form that [ParseKey] accepts, with an optional line break
// at its end.
//
// On Unix it returns ErrKey if the group or others can read the file. It also returns ErrKey
// if any user but root and the process's own can change the file, a directory above it, or a
// symbolic link to it. A file owned by root with mode 0440 may be readable by one of the
// process's groups: Kubernetes and systemd deliver secrets that way.
//
// If the file cannot be read, it returns the operating system's error without the path,
// because a key may have been passed in place of the path.
func ReadKeyFile(path string) (Key, error) {
	f, err := trusted.Open(path, trusted.Owner)
	if errors.Is(err, trusted.ErrUntrusted) {
		return Key{}, fmt.Errorf("%w: its file is %w", ErrKey, err)
	}
	if err != nil {
		return Key{}, unreadable(err)
	}
	defer f.Close()
	// A key has 51 characters, so 256 bytes are enough to detect a file that is too long.
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

// unreadable returns err without the path.
func unreadable(err error) error {
	if named := (*fs.PathError)(nil); errors.As(err, &named) {
		err = named.Err
	}
	return fmt.Errorf("key file: %w; pass the path of a file that holds the key, not the key itself "+
		"(MSA_MASTER_KEY_FILE takes a path, MSA_MASTER_KEY a key)", err)
}

// Text returns the key in the form that [ParseKey] accepts, for a .env file. It is the only
// method that reveals a key, so a search for its name finds every place that does. It
// returns "" for the zero Key.
func (k Key) Text() string {
	if k.reveal == nil {
		return ""
	}
	return keyPrefix + base64.StdEncoding.EncodeToString(k.reveal())
}

// IsZero reports whether k is the zero Key.
func (k Key) IsZero() bool { return k.reveal == nil }

// bytes returns the key's own bytes. The caller must not change or keep them.
func (k Key) bytes() ([]byte, error) {
	if k.reveal == nil {
		return nil, fmt.Errorf("%w: the key is empty; %s", ErrKey, howToMake)
	}
	return k.reveal(), nil
}

// String returns [REDACTED].
func (Key) String() string { return redacted }

// GoString returns [REDACTED], for %#v.
func (Key) GoString() string { return redacted }

// Format writes [REDACTED] for every verb and flag.
func (Key) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, redacted) }

// LogValue returns [REDACTED], for log/slog.
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON returns an error.
func (Key) MarshalJSON() ([]byte, error) { return nil, errNoEncoding }

// MarshalText returns an error. Encoders of XML, YAML, TOML and flags use it.
func (Key) MarshalText() ([]byte, error) { return nil, errNoEncoding }

// MarshalBinary returns an error.
func (Key) MarshalBinary() ([]byte, error) { return nil, errNoEncoding }

// GobEncode returns an error.
func (Key) GobEncode() ([]byte, error) { return nil, errNoEncoding }
