//go:build unix

package watch_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/watch"
)

// TestPipesAreNotOpened: an opening of this one would wait for ever.
func TestPipesAreNotOpened(t *testing.T) {
	is := is.New(t)
	path := filepath.Join(t.TempDir(), "pipe")
	is.NoErr(syscall.Mkfifo(path, 0o600))
	is.True(watch.New(path) != nil)
}
