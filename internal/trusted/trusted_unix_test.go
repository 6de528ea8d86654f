//go:build unix

package trusted

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/roottest"
)

// stat is a FileInfo with any owner and mode.
type stat struct {
	mode        fs.FileMode
	user, group uint32
}

func (s stat) Name() string       { return "file" }
func (s stat) Size() int64        { return 1 }
func (s stat) Mode() fs.FileMode  { return s.mode }
func (s stat) ModTime() time.Time { return time.Time{} }
func (s stat) IsDir() bool        { return s.mode.IsDir() }
func (s stat) Sys() any           { return &syscall.Stat_t{Uid: s.user, Gid: s.group} }

var (
	root    = process{user: 0, groups: []int{0, 2000}, alone: func(int) bool { return false }}
	service = process{user: 1000, groups: []int{1000, 2000}, alone: func(group int) bool { return group == 1000 }}
)

func TestFilePermissions(t *testing.T) {
	for _, c := range []struct {
		name string
		of   process
		info stat
		want [3]bool // accepted for Anyone, Group, Owner
		fix  string
	}{
		{"own", service, stat{0o600, 1000, 1000}, [3]bool{true, true, true}, ""},
		{"own, read-only", service, stat{0o400, 1000, 1000}, [3]bool{true, true, true}, ""},
		{"of root", service, stat{0o600, 0, 0}, [3]bool{true, true, true}, ""},
		{"of another user", service, stat{0o600, 1001, 1000}, [3]bool{}, "chown -h 1000 "},
		{"of another user, for root", root, stat{0o600, 1000, 1000}, [3]bool{}, "chown -h 0 "},
		{"of root, for root", root, stat{0o600, 0, 0}, [3]bool{true, true, true}, ""},
		{"readable by the group", service, stat{0o640, 1000, 1000}, [3]bool{true, true, false}, "chmod 600"},
		{"readable by the group, for root", root, stat{0o640, 0, 0}, [3]bool{true, true, false}, "chmod 600"},
		{"readable by others", service, stat{0o644, 1000, 1000}, [3]bool{true, false, false}, "chmod"},
		{"a directory in place of a file", service, stat{fs.ModeDir | 0o755, 1000, 1000}, [3]bool{true, true, true}, ""}, // reading it fails
		{"written by the group", service, stat{0o660, 1000, 1000}, [3]bool{}, "chmod 600"},
		{"written by an own group, of root", service, stat{0o660, 0, 2000}, [3]bool{}, "chmod 600"},
		{"written by others", root, stat{0o602, 0, 0}, [3]bool{}, "chmod 600"},
		{"a Secret with fsGroup", service, stat{0o440, 0, 2000}, [3]bool{true, true, true}, ""},
		{"a Secret with fsGroup, for root", root, stat{0o440, 0, 2000}, [3]bool{true, true, true}, ""},
		{"a Secret of another group", service, stat{0o440, 0, 3000}, [3]bool{true, true, false}, "chmod 600"},
		{"a Secret for all users", service, stat{0o444, 0, 2000}, [3]bool{true, false, false}, "chmod"},
		{"a credential of systemd", service, stat{0o440, 0, 0}, [3]bool{true, true, true}, ""},
		{"own, for a group", service, stat{0o440, 1000, 2000}, [3]bool{true, true, false}, "chmod 600"},
	} {
		t.Run(c.name, func(t *testing.T) {
			is := is.New(t)
			for readers, want := range c.want {
				err := c.of.checkWritable("/path", c.info)
				if err == nil {
					err = c.of.checkReadable("/path", c.info, Readers(readers))
				}
				is.Equal(err == nil, want)
				is.True(err == nil || errors.Is(err, ErrUntrusted))
				is.True(err == nil || strings.Contains(err.Error(), "/path") && strings.Contains(err.Error(), c.fix))
			}
		})
	}
}

func TestDirectoryPermissions(t *testing.T) {
	const dir, sticky, setgid = fs.ModeDir, fs.ModeSticky, fs.ModeSetgid
	for _, c := range []struct {
		name  string
		of    process
		info  stat
		above bool // accepted above a file
		store bool // accepted as the directory of a store
	}{
		{"own", service, stat{dir | 0o700, 1000, 1000}, true, true},
		{"of root, readable", service, stat{dir | 0o755, 0, 0}, true, true},
		{"of another user", service, stat{dir | 0o700, 1001, 1000}, false, false},
		{"of another user, for root", root, stat{dir | 0o755, 1000, 1000}, false, false},
		{"/tmp", service, stat{dir | sticky | 0o777, 0, 0}, true, false},
		{"sticky, of another user", service, stat{dir | sticky | 0o777, 1001, 0}, false, false},
		{"not sticky", service, stat{dir | 0o777, 0, 0}, false, false},
		{"the mount of a Secret with fsGroup", service, stat{dir | sticky | setgid | 0o777, 0, 2000}, true, false},
		{"a volume with fsGroup", service, stat{dir | setgid | 0o775, 0, 2000}, true, false},
		{"a closed volume with fsGroup", service, stat{dir | setgid | 0o770, 0, 2000}, true, false},
		{"a volume of another group", service, stat{dir | setgid | 0o770, 0, 3000}, false, false},
		{"a volume for all", service, stat{dir | setgid | 0o777, 0, 2000}, false, false},
		{"for an own group without set-group-ID", service, stat{dir | 0o770, 0, 2000}, false, false},
		{"made with umask 002", service, stat{dir | 0o775, 1000, 1000}, true, false},
		{"made with umask 002, for a shared group", service, stat{dir | 0o775, 1000, 2000}, false, false},
		{"made with umask 002, for root", root, stat{dir | 0o775, 0, 0}, false, false},
		{"made with umask 000", service, stat{dir | 0o777, 1000, 1000}, false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			is := is.New(t)
			for want, err := range map[*bool]error{&c.above: c.of.checkDirectory("/path", c.info), &c.store: c.of.checkWritable("/path", c.info)} {
				is.Equal(err == nil, *want)
				is.True(err == nil || errors.Is(err, ErrUntrusted))
				is.True(err == nil || strings.Contains(err.Error(), "chmod go-w /path") || strings.Contains(err.Error(), "chown -h "))
			}
		})
	}
}

// secret creates directories and a file as Kubernetes mounts a Secret with fsGroup.
func secret(t *testing.T, group int) (path string) {
	t.Helper()
	is := is.New(t)
	mount := filepath.Join(t.TempDir(), "mount")
	data := filepath.Join(mount, "..2026_11_30")
	path = filepath.Join(mount, "key")
	is.NoErr(os.MkdirAll(data, 0o755))
	is.NoErr(os.WriteFile(filepath.Join(data, "key"), []byte("x"), 0o400))
	is.NoErr(os.Symlink("..2026_11_30", filepath.Join(mount, "..data")))
	is.NoErr(os.Symlink("..data/key", path))
	for name, mode := range map[string]fs.FileMode{
		mount:                      0o777 | fs.ModeSticky | fs.ModeSetgid,
		data:                       0o755 | fs.ModeSetgid,
		filepath.Join(data, "key"): 0o440,
	} {
		is.NoErr(os.Chown(name, 0, group))
		is.NoErr(os.Chmod(name, mode)) // after chown, which clears the set-group-ID bit
	}
	return path
}

func TestKubernetesSecretIsTrusted(t *testing.T) {
	roottest.Require(t)
	is := is.New(t)
	path := secret(t, 2000)
	f, err := os.Open(path)
	is.NoErr(err)
	defer f.Close()
	is.NoErr(root.checkOpened(f, path, Owner))
	is.NoErr(service.checkOpened(f, path, Owner)) // the tests' directory is root's
	stranger := process{user: 1000, groups: []int{1000}, alone: service.alone}
	is.True(errors.Is(stranger.checkOpened(f, path, Owner), ErrUntrusted))
}

// Each directory and link of absolute and relative paths is checked.
func TestEachElementIsChecked(t *testing.T) {
	roottest.Require(t)
	const other = 4711
	for name, corrupt := range map[string]func(dir string) error{
		"a directory of another user": func(dir string) error { return os.Chown(filepath.Join(dir, "a"), other, 0) },
		"a directory that others can write": func(dir string) error {
			return os.Chmod(filepath.Join(dir, "a/b"), 0o757)
		},
		"a directory that its group can write": func(dir string) error {
			return os.Chmod(filepath.Join(dir, "a"), 0o770)
		},
		"a link of another user": func(dir string) error { return os.Lchown(filepath.Join(dir, "way/key"), other, 0) },
		"the directory of a link": func(dir string) error {
			return os.Chown(filepath.Join(dir, "way"), other, 0)
		},
		"the target's directory": func(dir string) error { return os.Chown(filepath.Join(dir, "a/b"), other, 0) },
		"the target":             func(dir string) error { return os.Chown(filepath.Join(dir, "a/b/key"), other, 0) },
		"the mode of the target": func(dir string) error { return os.Chmod(filepath.Join(dir, "a/b/key"), 0o620) },
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir := t.TempDir()
			t.Chdir(dir)
			is.NoErr(os.MkdirAll("a/b", 0o755))
			is.NoErr(os.Mkdir("way", 0o755))
			is.NoErr(os.WriteFile("a/b/key", []byte("x"), 0o600))
			is.NoErr(os.Symlink("../a", "way/first"))
			is.NoErr(os.Symlink("first/b/key", "way/key"))
			for _, path := range []string{"way/key", filepath.Join(dir, "way/key")} {
				f, err := Open(path, Owner)
				is.NoErr(err)
				is.NoErr(f.Close())
			}
			is.NoErr(corrupt(dir))
			for _, path := range []string{"way/key", filepath.Join(dir, "way/key")} {
				_, err := Open(path, Owner)
				is.True(errors.Is(err, ErrUntrusted))
			}
		})
	}
}

func TestLoopOfLinksEnds(t *testing.T) {
	is := is.New(t)
	path := filepath.Join(t.TempDir(), "loop")
	is.NoErr(os.Symlink("loop", path))
	is.True(errors.Is(Path(path), ErrUntrusted))
}

// Missing directories are no error: the process creates them later.
func TestMissingPathIsNoError(t *testing.T) {
	is := is.New(t)
	is.NoErr(Path(filepath.Join(t.TempDir(), "not/there")))
}

// A pipe from the parent process, such as <(...) in a shell, has no directory.
func TestPipeIsTrusted(t *testing.T) {
	is := is.New(t)
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("there is no /proc")
	}
	r, w, err := os.Pipe()
	is.NoErr(err)
	defer r.Close()
	is.NoErr(w.Close())
	is.NoErr(self().checkOpened(r, "/dev/fd/0", Owner))
}
