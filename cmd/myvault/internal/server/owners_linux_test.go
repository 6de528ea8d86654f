package server_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/internal/roottest"
)

// publicDir creates a directory that every user can enter, with a copy of the server. Other users
// cannot enter t.TempDir.
func publicDir(t *testing.T) (dir, server string) {
	t.Helper()
	is := is.New(t)
	dir, err := os.MkdirTemp("", "myvault-owners-")
	is.NoErr(err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	is.NoErr(os.Chmod(dir, 0o755))
	program, err := os.ReadFile(binary)
	is.NoErr(err)
	server = filepath.Join(dir, "server")
	is.NoErr(os.WriteFile(server, program, 0o755))
	return dir, server
}

// setOwner sets owner, group and mode of a file.
func setOwner(t *testing.T, path string, user, group int, mode fs.FileMode) {
	t.Helper()
	is := is.New(t)
	is.NoErr(os.Chown(path, user, group))
	is.NoErr(os.Chmod(path, mode)) // after chown, which clears the set-group-ID bit
}

// TestAKubernetesMount builds the mounts of docs/deploy.md: a Secret and a volume with the group of
// the process, as fsGroup sets it.
func TestAKubernetesMount(t *testing.T) {
	roottest.Require(t)
	is := is.New(t)
	const user, group = 65532, 65532
	dir, server := publicDir(t)
	mount, volume := filepath.Join(dir, "etc"), filepath.Join(dir, "data")
	data := filepath.Join(mount, "..2026_11_30_12_00_00.1")
	is.NoErr(os.MkdirAll(data, 0o755))
	is.NoErr(os.Mkdir(volume, 0o755))
	policy := strings.Replace(goodEnv, goodKey+"\n", "", 1)
	for name, text := range map[string]string{".env": policy, "master.key": crypto.NewKey().Text() + "\n"} {
		is.NoErr(os.WriteFile(filepath.Join(data, name), []byte(text), 0o400))
		setOwner(t, filepath.Join(data, name), 0, group, 0o440)
		is.NoErr(os.Symlink(filepath.Join("..data", name), filepath.Join(mount, name)))
	}
	is.NoErr(os.Symlink(filepath.Base(data), filepath.Join(mount, "..data")))
	setOwner(t, data, 0, group, 0o755|fs.ModeSetgid)
	setOwner(t, mount, 0, group, 0o777|fs.ModeSetgid|fs.ModeSticky)
	setOwner(t, volume, 0, group, 0o775|fs.ModeSetgid)

	run := func(groups ...uint32) *process {
		p := command(t, dir, "MYVAULT_ENV="+filepath.Join(mount, ".env"), "MSA_MASTER_KEY_FILE="+filepath.Join(mount, "master.key"),
			"MYVAULT_DATA="+filepath.Join(volume, "store"))
		p.cmd.Path, p.cmd.Args = server, []string{server, "serve"}
		p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: 1, Groups: groups}}
		return p
	}
	for range 2 { // the second run opens the store of the first
		p := run(group)
		p.run(t)
		is.NoErr(p.stop(t, syscall.SIGTERM))
	}
	// A Secret that every user of the node can read is rejected.
	setOwner(t, filepath.Join(data, "master.key"), 0, group, 0o444)
	p := run(group)
	is.True(p.cmd.Run() != nil)
	is.True(strings.Contains(p.stderr.String(), "can be read by others"))
}

// TestRootDoesNotTakeFilesOfAnotherUser also checks that root creates no files next to them.
func TestRootDoesNotTakeFilesOfAnotherUser(t *testing.T) {
	roottest.Require(t)
	is := is.New(t)
	const user = 4711
	dir, server := publicDir(t)
	home := filepath.Join(dir, "home")
	is.NoErr(os.Mkdir(home, 0o755))
	setOwner(t, home, user, user, 0o755)
	as := func(user uint32) *process {
		p := command(t, home, "MYVAULT_DATA="+filepath.Join(home, "data"))
		p.cmd.Path, p.cmd.Args = server, []string{server, "serve"}
		p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
		return p
	}
	p := as(user)
	p.run(t) // a first run
	is.NoErr(p.stop(t, syscall.SIGTERM))
	for _, owner := range []int{user, 0} { // of the .env; root trusts neither a foreign .env nor the store
		setOwner(t, filepath.Join(home, "data", ".env"), owner, owner, 0o600)
		p = as(0)
		is.True(p.cmd.Run() != nil)
		is.True(strings.Contains(p.stderr.String(), "belongs to user 4711"))
		is.True(strings.Contains(p.stderr.String(), "sudo -u '#4711'"))
	}
	setOwner(t, filepath.Join(home, "data", ".env"), user, user, 0o600)
	for name := range files(t, home) {
		info, err := os.Lstat(name)
		is.NoErr(err)
		is.Equal(info.Sys().(*syscall.Stat_t).Uid, uint32(user)) // the service can still open its files
	}
	p = as(user)
	p.run(t)
	is.NoErr(p.stop(t, syscall.SIGTERM))
}
