//go:build unix

package serve_test

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
)

// TestCertificatesFromAPipe are not read again: its opening would wait for ever, and Serve
// for that.
func TestCertificatesFromAPipe(t *testing.T) {
	is := is.New(t)
	s := startTLS(t, nil)
	is.NoErr(os.Remove(s.files.Key))
	is.NoErr(syscall.Mkfifo(s.files.Key, 0o600))
	is.True(errors.Is(s.loaded.Reload(), myvault.ErrInvalid))
	is.Equal(s.status(t, s.client, "/health"), 200) // with the previous contents
}
