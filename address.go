package myvault

import (
	"fmt"
	"strings"
)

// MaxDepth is the largest number of segments in a path.
const MaxDepth = 8

// MaxSegment is the size limit of one segment of a name, in bytes of UTF-8.
const MaxSegment = 128

// Address names one secret: a project, and a path of 1 to [MaxDepth] segments
// below it, by custom {scope}/{env}/{name}. Addresses are case-sensitive and are
// compared and ordered byte by byte, project first.
type Address struct {
	Project string
	Path    string
}

// ParseAddress reads "project/path", as [Address.String] writes it, and validates it.
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

// String gives "project/path".
func (a Address) String() string {
	if a.Path == "" {
		return a.Project
	}
	return a.Project + "/" + a.Path
}

// Compare orders by project, then path, byte by byte, as [strings.Compare] does.
func (a Address) Compare(b Address) int {
	if c := strings.Compare(a.Project, b.Project); c != 0 {
		return c
	}
	return strings.Compare(a.Path, b.Path)
}

// Validate reports ErrInvalid for a name that the vault refuses. A name is never
// normalised. A segment is 1 to 128 bytes of UTF-8 in NFC: letters, marks and
// decimal digits of any script, single inner blanks, and any of . _ - ~ @ + = ( ) ! ' &
// and the katakana middle dot; a path segment may also hold a colon. Never "." or "..";
// nothing that cannot be seen. Projects that start with "." are the vault's own.
func (a Address) Validate() error {
	if plainSegments(a.Project, 1) && plainSegments(a.Path, MaxDepth) && a.Project[0] != '.' {
		return nil // as nearly all are; what follows says what is wrong
	}
	if err := ValidateProject(a.Project); err != nil {
		return err
	}
	return validatePath(a.Path)
}

// ValidateProject reports ErrInvalid for a project name that the vault refuses; see [Address.Validate].
func ValidateProject(name string) error {
	if reservedProject(name) {
		return fmt.Errorf("%w project name: it may not start with a dot", ErrInvalid)
	}
	if reason := checkSegment(name, inProject); reason != "" {
		return fmt.Errorf("%w project name: %s", ErrInvalid, reason)
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
		if reason := checkSegment(segment, inPath); reason != "" {
			return fmt.Errorf("%w path: segment %d %s", ErrInvalid, n, reason)
		}
	}
	return nil
}

// Prefix selects addresses by whole segments. The zero Prefix selects everything.
// Path "prod" selects the secret prod and all below it, "prod/" only what is below;
// neither selects production/x. A Path needs a Project.
type Prefix struct {
	Project string
	Path    string
}

// String gives the prefix as it is written in an address.
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

// Validate reports ErrInvalid for a malformed prefix.
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
