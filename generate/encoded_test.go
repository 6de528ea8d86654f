package generate_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/generate"
)

// Encoded values decode to the requested number of bytes.
func TestEncoded(t *testing.T) {
	for name, c := range map[string]struct {
		length int
		decode func(string) ([]byte, error)
	}{
		"base64":             {44, base64.StdEncoding.DecodeString},
		"base64url":          {44, base64.URLEncoding.DecodeString}, // a Fernet key
		"base64url-unpadded": {43, base64.RawURLEncoding.DecodeString},
		"hex":                {64, hex.DecodeString},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			g, err := generate.Parse("bytes:32:" + name)
			is.NoErr(err)
			seen := make(map[string]bool)
			for range 1000 {
				text := generated(t, g)
				is.Equal(len(text), c.length)
				raw, err := c.decode(text)
				is.NoErr(err)
				is.Equal(len(raw), 32)
				is.True(!seen[text])
				seen[text] = true
			}
		})
	}
}

func TestParse(t *testing.T) {
	is := is.New(t)
	g, err := generate.Parse("text:20:hex")
	is.NoErr(err)
	is.Equal(len(generated(t, g)), 20)
	for _, text := range []string{
		"", "bytes", "bytes:32", "bytes:32:", "bytes:32:BASE64", "bytes:7:hex", "bytes:4097:hex", "bytes:x:hex", "bytes:-1:hex", "bytes:32:hex:",
		"text:32", "text:15:hex", "text:32:base64", "canary:32:hex",
	} {
		_, err := generate.Parse(text)
		is.True(errors.Is(err, myvault.ErrInvalid))
		is.True(!strings.Contains(err.Error(), "canary"))
	}
	_, err = generate.Encoded(32, nil)
	is.True(errors.Is(err, myvault.ErrInvalid))
}
