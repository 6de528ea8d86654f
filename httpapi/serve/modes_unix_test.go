//go:build unix

package serve_test

import (
	"os"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/serve"
)

// TestModesOfFiles: the key is for its owner and the group; certificates are no secret, but
// no user else may change them.
func TestModesOfFiles(t *testing.T) {
	is := is.New(t)
	s := startTLS(t, nil)
	load := func(path string, mode os.FileMode) error {
		is.NoErr(os.Chmod(path, mode))
		defer os.Chmod(path, 0o600)
		_, err := serve.LoadCertificates(s.files)
		return err
	}
	for _, mode := range []os.FileMode{0o600, 0o400, 0o640} {
		is.NoErr(load(s.files.Key, mode))
	}
	for _, mode := range []os.FileMode{0o604, 0o602, 0o601, 0o644, 0o660} {
		isErr(is, load(s.files.Key, mode), myvault.ErrInvalid)
	}
	is.NoErr(load(s.files.Certificate, 0o644))
	is.NoErr(load(s.files.ClientCA, 0o644))
	for _, path := range []string{s.files.Certificate, s.files.ClientCA} {
		isErr(is, load(path, 0o664), myvault.ErrInvalid)
	}
}
