package myvault

import (
	"fmt"
	"strings"

	"github.com/myswiftagent/myvault/internal/pattern"
)

// MaxDepth is the largest number of segments in a path.
const MaxDepth = pattern.MaxDepth

// Address names one secret: a project, and a path of 1 to [MaxDepth] segments in it, by custom
// {scope}/{env}/{name}. Addresses are case-sensitive. They are ordered byte by byte, by project
// first.
type Address struct {
	Project string
	Path    string
}

// ParseAddress reads and validates "project/path".
func ParseAddress(s string) (Address, error) {
	project, path, found := strings.Cut(s, "/")
	if !found {
		return Address{}, fmt.Errorf("%w address: want project/path, such as newsbot/prod/db", ErrInvalid)
	}
	a := Address{Project: project, Path: path}
	if err := a.Validate(); err != nil {
		return Address{}, err
	}
	return a, nil
}

// String returns "project/path".
func (a Address) String() string {
	if a.Path == "" {
		return a.Project
	}
	return a.Project + "/" + a.Path
}

// Compare compares by project, then by path, as [strings.Compare] does.
func (a Address) Compare(b Address) int {
	if c := strings.Compare(a.Project, b.Project); c != 0 {
		return c
	}
	return strings.Compare(a.Path, b.Path)
}

// Validate returns ErrInvalid for a malformed name. Names are never normalized. A segment has 1
// to 128 bytes of UTF-8 in NFC: letters, marks and decimal digits of any script, single inner
// blanks, any of . _ - ~ @ + = ( ) ! ' & and the katakana middle dot. A segment of a path may also
// contain colons. No segment is "." or "..", and none contains invisible characters. A project
// that starts with "." is reserved for the vault.
func (a Address) Validate() error {
	if pattern.IsPlain(a.Project, 1) && pattern.IsPlain(a.Path, MaxDepth) && a.Project[0] != '.' {
		return nil // nearly all are; otherwise find out what is wrong
	}
	if err := ValidateProject(a.Project); err != nil {
		return err
	}
	return validatePath(a.Path)
}

// ValidateProject returns ErrInvalid for a malformed name of a project; see [Address.Validate].
func ValidateProject(name string) error {
	if pattern.IsReserved(name) {
		return fmt.Errorf("%w project name: it may not start with a dot", ErrInvalid)
	}
	if problem := pattern.SegmentProblem(name, 0); problem != "" {
		return fmt.Errorf("%w project name: %s", ErrInvalid, problem)
	}
	return nil
}

func validatePath(path string) error {
	for n, rest, more := 1, path, true; more; n++ {
		if n > MaxDepth {
			return fmt.Errorf("%w path: more than %d segments", ErrInvalid, MaxDepth)
		}
		var segment string
		segment, rest, more = strings.Cut(rest, "/")
		if problem := pattern.SegmentProblem(segment, pattern.Colon); problem != "" {
			return fmt.Errorf("%w path: segment %d %s", ErrInvalid, n, problem)
		}
	}
	return nil
}

// Prefix selects addresses by whole segments. The zero Prefix selects all. The path "prod" selects
// the secret prod and everything below it, "prod/" only what is below; neither selects
// production/x. A Path needs a Project.
type Prefix struct {
	Project string
	Path    string
}

// String returns the prefix as the beginning of an address.
func (p Prefix) String() string { return Address(p).String() }

// Contains reports whether a is selected.
func (p Prefix) Contains(a Address) bool {
	if p.Project == "" {
		return true
	}
	if p.Project != a.Project {
		return false
	}
	if p.Path == "" || p.Path == a.Path {
		return true
	}
	below, found := strings.CutPrefix(a.Path, p.Path)
	return found && (strings.HasSuffix(p.Path, "/") || below[0] == '/')
}

// Validate returns ErrInvalid for a malformed prefix.
func (p Prefix) Validate() error {
	if p.Project == "" {
		if p.Path != "" {
			return fmt.Errorf("%w prefix: a path needs a project", ErrInvalid)
		}
		return nil
	}
	if err := ValidateProject(p.Project); err != nil || p.Path == "" {
		return err
	}
	return validatePath(strings.TrimSuffix(p.Path, "/"))
}
