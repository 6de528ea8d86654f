//go:build unix

package reload_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/reload"
)

// Pipes are not opened: opening this one would block forever.
func TestPipesAreNotOpened(t *testing.T) {
	is := is.New(t)
	path := filepath.Join(t.TempDir(), "pipe")
	is.NoErr(syscall.Mkfifo(path, 0o600))
	is.True(reload.New(path) != nil)
}
