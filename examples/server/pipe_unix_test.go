//go:build unix

package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/matryer/is"
)

// TestASourceThatIsReadOnce, such as the pipe of a shell's <(...), is not opened at SIGHUP: nobody would
// write into it, and neither the next reload nor the end of the server would come.
func TestASourceThatIsReadOnce(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "pipe")
	is.NoErr(syscall.Mkfifo(path, 0o600))
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(path, []byte(goodEnv), 0o600) }()
	p := start(t, dir, "MYVAULT_ENV="+path)
	is.NoErr(<-written)
	for n := range 3 {
		is.NoErr(p.cmd.Process.Signal(syscall.SIGHUP))
		await(t, "why not", func() bool { return strings.Count(p.stderr.String(), "no regular file") > n })
	}
	is.Equal(p.allowed(t), "newsbot/")
	is.NoErr(p.stop(t, syscall.SIGTERM))
}
