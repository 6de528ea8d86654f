//go:build unix

package crypto_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
)

func TestReadKeyFileRefusesOneThatOthersCanOpen(t *testing.T) {
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o602, 0o644, 0o666} {
		t.Run(mode.String(), func(t *testing.T) {
			is := is.New(t)
			path := filepath.Join(t.TempDir(), "key")
			is.NoErr(os.WriteFile(path, []byte(crypto.NewKey().Text()), 0o600))
			is.NoErr(os.Chmod(path, mode))
			_, err := crypto.ReadKeyFile(path)
			is.True(errors.Is(err, crypto.ErrKey))
			is.True(strings.Contains(err.Error(), "chmod 600"))
			is.NoErr(os.Chmod(path, 0o400))
			_, err = crypto.ReadKeyFile(path)
			is.NoErr(err)
		})
	}
}
