// Package trusted checks that only root and the user of this process can change a file, the
// directories above it and the symbolic links that lead to it.
//
// Each must belong to root or to the effective user of the process, also if that is root. Neither
// group nor others may have write permission. Three kinds of directories are exceptions:
//
//   - a sticky directory owned by root, such as /tmp and the mount of a Kubernetes Secret;
//   - a directory owned by root, with the set-group-ID bit and one of the process's own groups, as
//     Kubernetes creates for fsGroup;
//   - a directory above the file whose group has the user of the process as its only member, as a
//     umask of 002 creates.
//
// On systems whose files have no Unix owner, such as Windows, everything is trusted.
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

// Error reports a file, directory or link that other users can change or read.
type Error struct {
	Path    string
	Problem string
	Command string // fixes it, with Path appended
}

func (e *Error) Error() string {
	return fmt.Sprintf("%v: %s %s: %s %s", ErrUntrusted, e.Path, e.Problem, e.Command, e.Path)
}

// Is reports whether target is ErrUntrusted.
func (e *Error) Is(target error) bool { return target == ErrUntrusted }

// Readers are the users that may read a file besides its owner.
type Readers int

const (
	Anyone Readers = iota
	// Group lets the file's group read it.
	Group
	// Owner lets no other user read it, with one exception: a file owned by root with mode 0440
	// may be readable by one of the process's own groups. Kubernetes and systemd deliver secrets
	// that way.
	Owner
)

// Open opens a file for reading, and checks it and the path to it. It returns errors of the
// operating system unchanged.
func Open(path string, readers Readers) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := self().checkOpened(f, path, readers); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Path checks the directories above a file or directory and the symbolic links that lead to it.
// If the end of the path does not exist, that is not an error.
func Path(path string) error {
	_, err := self().follow(path)
	return err
}

// File checks the owner of a file or directory, and that no other user may write to it.
func File(path string, info fs.FileInfo) error { return self().checkWritable(path, info) }

// process is the user and the groups whose files are trusted.
type process struct {
	user   int
	groups []int
	alone  func(group int) bool // reports whether user is its only member
}

func self() process {
	p := process{user: os.Geteuid()}
	groups, _ := os.Getgroups() // without them fewer files are trusted
	p.groups = append(groups, os.Getegid())
	p.alone = func(group int) bool { return onlyMember(group, p.user) }
	return p
}

// checkOpened checks an open file and the path to it.
func (p process) checkOpened(f *os.File, path string, readers Readers) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	descriptor, err := p.follow(path)
	if err != nil || descriptor && !info.Mode().IsRegular() { // a pipe from the parent process
		return err
	}
	if err := p.checkWritable(path, info); err != nil {
		return err
	}
	return p.checkReadable(path, info, readers)
}

// checkReadable checks that no users but readers can read a file.
func (p process) checkReadable(path string, info fs.FileInfo, readers Readers) error {
	owner, known := ownerOf(info)
	mode := info.Mode().Perm()
	shared := owner.user == 0 && mode == 0o440 && (owner.group == 0 || slices.Contains(p.groups, owner.group))
	switch {
	case !known, readers == Anyone, info.IsDir(): // reading a directory fails anyway
	case readers == Group && mode&0o007 != 0:
		return &Error{path, "can be read by others", "chmod o="}
	case readers == Owner && mode&0o044 != 0 && !shared:
		return &Error{path, "can be read by others", "chmod 600"}
	}
	return nil
}

// checkWritable checks that no other user owns a file or directory, or may write to it.
func (p process) checkWritable(path string, info fs.FileInfo) error {
	if err := p.checkOwner(path, info); err != nil {
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

// checkOwner checks that a file belongs to root or to the user of the process.
func (p process) checkOwner(path string, info fs.FileInfo) error {
	owner, known := ownerOf(info)
	if !known || owner.user == 0 || owner.user == p.user {
		return nil
	}
	return &Error{path,
		fmt.Sprintf("belongs to user %d, but this process runs as user %d", owner.user, p.user),
		fmt.Sprintf("run as that user (sudo -u '#%d'), or: chown -h %d", owner.user, p.user)}
}

// checkDirectory checks a directory above a file.
func (p process) checkDirectory(path string, info fs.FileInfo) error {
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
	return p.checkWritable(path, info)
}

// maxLinks is how many symbolic links are followed, the limit of Linux.
const maxLinks = 40

// follow resolves path as the system does, and checks each directory and link. descriptor is true
// if it ends at a file descriptor below /proc.
func (p process) follow(path string) (descriptor bool, err error) {
	if !hasOwners {
		return false, nil
	}
	if path, err = absolute(path); err == nil {
		err = p.checkElement("/", false)
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
		if linkErr != nil { // not a link
			at, err = next, p.checkElement(next, len(rest) == 0)
			continue
		}
		if links++; links > maxLinks {
			return false, &Error{next, "leads through too many symbolic links", "ls -l"}
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest, err = append(strings.Split(target, "/"), rest...), p.checkElement(next, true)
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return false, err
}

// absolute makes a path absolute without cleaning it: ".." after a link is not the directory that
// contains the link.
func absolute(path string) (string, error) {
	if filepath.IsAbs(path) {
		return path, nil
	}
	here, err := os.Getwd()
	return here + "/" + path, err
}

// checkElement checks an element of a path: a directory or, if end is set, a symbolic link or the
// last element.
func (p process) checkElement(path string, end bool) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if end {
		return p.checkOwner(path, info)
	}
	return p.checkDirectory(path, info)
}
