// Package trusted checks that only root and the user of this process can change a file, the
// directories above it and the symbolic links on the way to it.
//
// An owner must be root or the effective user of the process, and being root is no exception.
// Neither group nor others may have the right to write. Three kinds of directories that others can
// write count as protected:
//
//   - a sticky directory of root, such as /tmp and the mount of a Kubernetes Secret;
//   - a directory of root with the set-group-ID bit and one of the process's own groups, as
//     Kubernetes makes volumes with fsGroup;
//   - a directory above the file whose group has no other member than the user of the process, as a
//     umask of 002 makes them.
//
// Where files have no Unix owner, as on Windows, everything is trusted.
package trusted

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrUntrusted matches an [*Error].
var ErrUntrusted = errors.New("not protected from other users")

// Error says what is wrong with a file, directory or link that others can change, or read.
type Error struct {
	Path    string
	Problem string
	Command string // mends it when Path is appended
}

func (e *Error) Error() string {
	return fmt.Sprintf("%v: %s %s: %s %s", ErrUntrusted, e.Path, e.Problem, e.Command, e.Path)
}

// Is reports whether target is ErrUntrusted.
func (e *Error) Is(target error) bool { return target == ErrUntrusted }

// Readers says who may read a file besides its owner.
type Readers int

const (
	Anyone Readers = iota
	// Group lets the file's group read it.
	Group
	// Owner lets no other user read it, with one exception: a file of root with mode 0440 may be
	// readable by one of the process's own groups. That is how Kubernetes and systemd hand over a
	// secret.
	Owner
)

// Open opens a file for reading, and checks it and the way to it. An error of the operating system
// is returned as it is.
func Open(path string, readers Readers) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := self().opened(f, path, readers); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Path checks the way to a file or directory: the directories above it, and symbolic links. What is
// missing at its end is not an error.
func Path(path string) error {
	_, err := self().follow(path)
	return err
}

// File checks the owner of a file or directory, and that no other user may write it.
func File(path string, info fs.FileInfo) error { return self().closed(path, info) }

// process is whose files are trusted.
type process struct {
	user   int
	groups []int
	alone  func(group int) bool // reports whether the user is the only member
}

func self() process {
	p := process{user: os.Geteuid()}
	groups, _ := os.Getgroups() // without them fewer files are trusted
	p.groups = append(groups, os.Getegid())
	p.alone = func(group int) bool { return onlyMember(group, p.user) }
	return p
}

// opened checks an open file and the way to it.
func (p process) opened(f *os.File, path string, readers Readers) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	descriptor, err := p.follow(path)
	if err != nil || descriptor && !info.Mode().IsRegular() { // a pipe that the parent process handed over
		return err
	}
	if err := p.closed(path, info); err != nil {
		return err
	}
	return p.readable(path, info, readers)
}

// readable refuses a file that too many can read.
func (p process) readable(path string, info fs.FileInfo, readers Readers) error {
	owner, known := ownerOf(info)
	mode := info.Mode().Perm()
	shared := owner.user == 0 && mode == 0o440 && (owner.group == 0 || slices.Contains(p.groups, owner.group))
	switch {
	case !known, readers == Anyone, info.IsDir(): // to read a directory fails
	case readers == Group && mode&0o007 != 0:
		return &Error{path, "can be read by others", "chmod o="}
	case readers == Owner && mode&0o044 != 0 && !shared:
		return &Error{path, "can be read by others", "chmod 600"}
	}
	return nil
}

// closed refuses what others own or may write.
func (p process) closed(path string, info fs.FileInfo) error {
	if err := p.owned(path, info); err != nil {
		return err
	}
	if _, known := ownerOf(info); !known || info.Mode().Perm()&0o022 == 0 {
		return nil
	}
	if info.IsDir() {
		return &Error{path, "can be written by others", "chmod go-w"}
	}
	return &Error{path, "can be written by others", "chmod 600"}
}

// owned refuses what belongs to another user than root and the one of the process.
func (p process) owned(path string, info fs.FileInfo) error {
	owner, known := ownerOf(info)
	if !known || owner.user == 0 || owner.user == p.user {
		return nil
	}
	return &Error{path,
		fmt.Sprintf("belongs to user %d, and this process runs as user %d", owner.user, p.user),
		fmt.Sprintf("run it as that user (sudo -u '#%d'), or: chown -h %d", owner.user, p.user)}
}

// directory checks a directory on the way to a file.
func (p process) directory(path string, info fs.FileInfo) error {
	owner, known := ownerOf(info)
	mode := info.Mode()
	if known && owner.user == 0 && mode&fs.ModeSticky != 0 {
		return nil
	}
	if known && mode.Perm()&0o002 == 0 {
		volume := owner.user == 0 && mode&fs.ModeSetgid != 0 && slices.Contains(p.groups, owner.group)
		if volume || mode.Perm()&0o020 != 0 && owner.user == p.user && p.alone(owner.group) {
			return nil
		}
	}
	return p.closed(path, info)
}

// maxLinks is how many symbolic links are followed, as by Linux.
const maxLinks = 40

// follow walks to path as the system does, and checks each directory and link. descriptor: the way
// led to a descriptor of a process, and ends there.
func (p process) follow(path string) (descriptor bool, err error) {
	if !hasOwners {
		return false, nil
	}
	if path, err = absolute(path); err == nil {
		err = p.step("/", false)
	}
	links, at := 0, "/"
	for rest := strings.Split(path, "/"); len(rest) > 0 && err == nil; {
		name := rest[0]
		rest = rest[1:]
		if name == "" || name == "." {
			continue
		}
		if at == "/proc" {
			return true, nil
		}
		next := filepath.Join(at, name)
		target, linkErr := os.Readlink(next)
		if linkErr != nil { // no link
			at, err = next, p.step(next, len(rest) == 0)
			continue
		}
		if links++; links > maxLinks {
			return false, &Error{next, "leads through too many symbolic links", "ls -l"}
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest, err = append(strings.Split(target, "/"), rest...), p.step(next, true)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return false, err
}

// absolute makes a path absolute, but does not clean it: ".." behind a link is not the directory of
// the link.
func absolute(path string) (string, error) {
	if filepath.IsAbs(path) {
		return path, nil
	}
	here, err := os.Getwd()
	return here + "/" + path, err
}

// step checks a directory on the way, or, if end is set, a symbolic link or the last element.
func (p process) step(path string, end bool) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if end {
		return p.owned(path, info)
	}
	return p.directory(path, info)
}
