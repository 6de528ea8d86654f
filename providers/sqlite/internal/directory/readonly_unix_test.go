//go:build unix

package directory_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m, nil) }

// unprivilegedUser is the user without rights that runs the other process if this one is root.
const unprivilegedUser = 65534

// TestReadOnlyDirectories checks that a read-only directory, with or without a store, is refused
// and unchanged. The same holds for read-only files.
func TestReadOnlyDirectories(t *testing.T) {
	key := crypto.NewKey()
	for name, c := range map[string]struct {
		of   func(testing.TB, crypto.Key) string
		file os.FileMode
	}{
		"empty":            {func(t testing.TB, _ crypto.Key) string { return t.TempDir() }, 0o600},
		"a closed store":   {storetest.Closed, 0o600},
		"files to be read": {storetest.Closed, 0o400},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir := givenAway(t, c.of(t, key), c.file)
			before := storetest.Files(t, dir)
			text, err := unprivileged(t, dir, key).CombinedOutput()
			is.True(err != nil)
			is.True(strings.Contains(string(text), dir))
			is.True(strings.Contains(string(text), "store unavailable"))
			is.Equal(storetest.Files(t, dir), before)
		})
	}
}

// givenAway makes a directory and its files read-only, and owned by another user.
func givenAway(t *testing.T, dir string, file os.FileMode) string {
	t.Helper()
	for name := range storetest.Files(t, dir) {
		storetest.Must(t, os.Chmod(filepath.Join(dir, name), file))
		if os.Getuid() == 0 {
			storetest.Must(t, os.Chown(filepath.Join(dir, name), unprivilegedUser, unprivilegedUser))
		}
	}
	if os.Getuid() == 0 {
		storetest.Must(t, os.Chown(dir, unprivilegedUser, unprivilegedUser))
	}
	storetest.Must(t, os.Chmod(dir, 0o500))
	for up := filepath.Dir(dir); len(up) > len(os.TempDir()); up = filepath.Dir(up) {
		storetest.Must(t, os.Chmod(up, 0o755))
	}
	t.Cleanup(func() { _ = os.Chmod(dir, 0o700) })
	return dir
}

// unprivileged returns a process with the rights of the owner of the directory.
func unprivileged(t *testing.T, dir string, key crypto.Key) *exec.Cmd {
	t.Helper()
	program := os.Args[0]
	if os.Getuid() == 0 { // the user may not be able to read the program itself
		own := t.TempDir()
		storetest.Must(t, os.Chmod(filepath.Dir(own), 0o755))
		binary, err := os.ReadFile(program)
		storetest.Must(t, err)
		program = filepath.Join(own, "program")
		storetest.Must(t, os.WriteFile(program, binary, 0o755))
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), storetest.JobVariable+"=write")
	cmd.Stdin = strings.NewReader(key.Text() + " " + dir + "\n")
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: unprivilegedUser, Gid: unprivilegedUser}}
	}
	return cmd
}
