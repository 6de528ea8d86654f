package crypto_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
)

func TestParseKey(t *testing.T) {
	is := is.New(t)
	k := crypto.NewKey()
	again, err := crypto.ParseKey(k.Text())
	is.NoErr(err)
	is.Equal(again.Text(), k.Text())
	is.True(crypto.NewKey().Text() != k.Text()) // keys are random
	is.True(crypto.Key{}.IsZero() && !k.IsZero())
	is.Equal(crypto.Key{}.Text(), "")
}

func TestParseKeyRefuses(t *testing.T) {
	good := strings.TrimPrefix(text(fixed("canary", 32)), "base64:")
	bad := map[string]string{
		"empty":                  "",
		"no prefix":              good,
		"another prefix":         "BASE64:" + good,
		"space after the prefix": "base64: " + good,
		"space at the end":       "base64:" + good + " ",
		"line break":             "base64:" + good + "\n",
		"line break inside":      "base64:" + good[:8] + "\n" + good[8:],
		"no padding":             "base64:" + strings.TrimRight(good, "="),
		"URL alphabet":           "base64:" + strings.Repeat("-_", 21) + "-=",
		"stray last bits":        "base64:" + strings.Repeat("B", 43) + "=",
		"short":                  "base64:" + encode64(fixed("canary", 31)),
		"long":                   "base64:" + encode64(fixed("canary", 33)),
		"all zero":               "base64:" + encode64(make([]byte, 32)),
		"hexadecimal":            "base64:" + fmt.Sprintf("%x", fixed("canary", 32)),
	}
	texts := map[string]bool{}
	for name, input := range bad {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			k, err := crypto.ParseKey(input)
			is.True(errors.Is(err, crypto.ErrKey))
			is.True(k.IsZero())
			is.True(strings.Contains(err.Error(), "head -c 32 /dev/urandom | base64")) // it says how to make one
			is.True(len(input) < 10 || !strings.Contains(err.Error(), good[:8]))       // it never repeats the input
			texts[err.Error()] = true
		})
	}
	is := is.New(t)
	is.True(len(texts) >= 6) // each mistake has its own text
}

func TestReadKeyFile(t *testing.T) {
	k := crypto.NewKey().Text()
	for name, c := range map[string]struct {
		content string
		ok      bool
	}{
		"no line break":   {k, true},
		"line break":      {k + "\n", true},
		"CRLF":            {k + "\r\n", true},
		"two line breaks": {k + "\n\n", false},
		"a second key":    {k + "\n" + k + "\n", false},
		"carriage return": {k + "\r", false},
		"empty":           {"", false},
		"too large":       {strings.Repeat(k, 100), false},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			path := filepath.Join(t.TempDir(), "key")
			is.NoErr(os.WriteFile(path, []byte(c.content), 0o600))
			got, err := crypto.ReadKeyFile(path)
			if !c.ok {
				is.True(errors.Is(err, crypto.ErrKey))
				return
			}
			is.NoErr(err)
			is.Equal(got.Text(), k)
		})
	}
	t.Run("missing", func(t *testing.T) {
		is := is.New(t)
		_, err := crypto.ReadKeyFile(filepath.Join(t.TempDir(), "key"))
		is.True(errors.Is(err, os.ErrNotExist))
	})
}

// A key passed in place of its file's path must not be repeated in the error.
func TestReadKeyFileRepeatsNoInput(t *testing.T) {
	k := crypto.NewKey().Text()
	dir := filepath.Join(t.TempDir(), "canary")
	for name, c := range map[string]struct {
		path string
		want error
	}{
		"a key":           {k, os.ErrNotExist},
		"an endless text": {strings.Repeat("canary", 1000), syscall.ENAMETOOLONG},
		"a NUL":           {"canary\x00", syscall.EINVAL},
		"a directory":     {dir, syscall.EISDIR},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			is.NoErr(os.MkdirAll(dir, 0o700))
			_, err := crypto.ReadKeyFile(c.path)
			is.True(errors.Is(err, c.want))
			is.True(!strings.Contains(err.Error(), "canary"))
			is.True(!strings.Contains(err.Error(), strings.TrimPrefix(k, "base64:")))
			is.True(strings.Contains(err.Error(), "MSA_MASTER_KEY_FILE"))
			var named *fs.PathError
			is.True(!errors.As(err, &named)) // a PathError holds the path
		})
	}
}

// A key is redacted by every verb and encoder, alone and inside other values.
func TestKeyIsRedacted(t *testing.T) {
	is := is.New(t)
	k := crypto.NewKey()
	type holder struct {
		Key    crypto.Key
		hidden crypto.Key
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", k)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", k, "holder", holder{k, k})
	shown := log.String()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b", "%p", "%t"} {
		shown += fmt.Sprintf(verb, k)
		if verb != "%p" {
			shown += fmt.Sprintf(verb, holder{k, k}) + fmt.Sprintf(verb, &holder{k, k})
		}
	}
	bare := strings.TrimPrefix(k.Text(), "base64:")
	is.True(!strings.Contains(shown, bare))
	is.True(strings.Contains(shown, "[REDACTED]"))
	raw, err := decode64(bare)
	is.NoErr(err)
	is.True(!strings.Contains(strings.ToLower(shown), fmt.Sprintf("%x", raw[:8])))
	is.True(!strings.Contains(shown, strings.Trim(fmt.Sprint(raw[:8]), "[]")))

	_, err = json.Marshal(holder{Key: k})
	is.True(err != nil)
	_, err = xml.Marshal(k)
	is.True(err != nil)
	is.True(gob.NewEncoder(&log).Encode(k) != nil)
	_, err = k.MarshalText()
	is.True(err != nil)
	_, err = k.MarshalBinary()
	is.True(err != nil)
}

// Every function that needs a key refuses the zero Key.
func TestZeroKey(t *testing.T) {
	is := is.New(t)
	vault := fixed("vault a", crypto.VaultIDSize)
	_, err := crypto.NewMaster(crypto.Key{}, vault)
	is.True(errors.Is(err, crypto.ErrKey))
	_, err = crypto.NewMaster(crypto.NewKey(), vault[1:])
	is.True(errors.Is(err, crypto.ErrKey)) // a vault ID of the wrong size
	_, err = crypto.NewSealer(crypto.Key{}, vault, 1)
	is.True(errors.Is(err, crypto.ErrKey))
	_, err = crypto.NewChain(crypto.Key{})
	is.True(errors.Is(err, crypto.ErrKey))
	_, err = crypto.NewRowMAC(crypto.Key{}, vault)
	is.True(errors.Is(err, crypto.ErrKey))
	m, err := crypto.NewMaster(crypto.NewKey(), vault)
	is.NoErr(err)
	_, err = m.Wrap(crypto.Key{}, crypto.LabelData, 1)
	is.True(errors.Is(err, crypto.ErrKey))
}

func FuzzParseKey(f *testing.F) {
	f.Add(text(fixed("seed", 32)))
	f.Add("base64:")
	f.Add("base64:" + strings.Repeat("B", 43) + "=")
	f.Add("base64:" + encode64(make([]byte, 32)))
	f.Fuzz(func(t *testing.T, input string) {
		k, err := crypto.ParseKey(input)
		if err == nil && k.Text() != input {
			t.Error("Text returns another key than ParseKey read")
		}
		if err != nil && !errors.Is(err, crypto.ErrKey) {
			t.Error("an error other than ErrKey")
		}
	})
}
