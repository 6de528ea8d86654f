//go:build unix

package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/authority"
)

// TestReloadDoesNotReadPipesAgain passes the key and the certificates as pipes, which can be read
// only at the start.
func TestReloadDoesNotReadPipesAgain(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	dir := t.TempDir()
	ca := authority.New(t, "servers")
	certificate, key := ca.Server(t).Write(t, t.TempDir(), "server")
	text := strings.Replace(goodEnv, goodKey, "MSA_MASTER_KEY_FILE="+dir+"/master", 1) +
		"MYVAULT_TLS_CERT=" + dir + "/certificate\nMYVAULT_TLS_KEY=" + dir + "/key\n"
	is.NoErr(os.WriteFile(filepath.Join(dir, ".env"), []byte(text), 0o600))
	files := map[string]string{"master": strings.TrimPrefix(goodKey, "MSA_MASTER_KEY=")}
	for name, path := range map[string]string{"certificate": certificate, "key": key} {
		pem, err := os.ReadFile(path)
		is.NoErr(err)
		files[name] = string(pem)
	}
	written := make(chan error, len(files))
	for name, text := range files {
		is.NoErr(syscall.Mkfifo(filepath.Join(dir, name), 0o600))
		go func() { written <- os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600) }()
	}
	p := start(t, dir)
	for range files {
		is.NoErr(<-written)
	}
	p.client = clientFor(ca)
	is.Equal(p.allowed(t), "newsbot/")
	replace(t, filepath.Join(dir, ".env"), strings.Replace(text, "newsbot/", "other/", 1))
	await(t, "the other rules", func() bool { return p.allowed(t) == "other/" })
}

// TestASourceThatIsReadOnce covers a .env that is a pipe, such as the <(...) of a shell. SIGHUP
// must not open it again: that would block the next reload and the shutdown.
func TestASourceThatIsReadOnce(t *testing.T) {
	t.Parallel()
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
		await(t, "the error", func() bool { return strings.Count(p.stderr.String(), "not a regular file") > n })
	}
	is.Equal(p.allowed(t), "newsbot/")
	is.NoErr(p.stop(t, syscall.SIGTERM))
}
