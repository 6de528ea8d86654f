package myvault

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// MaxProjects is how many projects a provider registers unless its Config says
// otherwise; one more is ErrTooLarge.
const MaxProjects = 10_000

// MaxDescription is the size limit of a project's description, in bytes of UTF-8.
const MaxDescription = 1024

// Project is an entry of the register of projects. Writing the first secret of an
// unregistered project registers it, in the same commit. At most one is the default;
// none is, until one is chosen. At and By tell who registered it, and when.
type Project struct {
	Name        string
	Description string
	Default     bool
	At          time.Time
	By          string
}

// Validate returns an error that wraps ErrInvalid or ErrTooLarge if the name or the description
// breaks its rules.
func (p Project) Validate() error {
	return errors.Join(ValidateProject(p.Name), validateDescription(p.Description))
}

func validateDescription(s string) error {
	switch {
	case len(s) > MaxDescription:
		return fmt.Errorf("%w: the description has %d bytes and the limit is %d", ErrTooLarge, len(s), MaxDescription)
	case !utf8.ValidString(s):
		return fmt.Errorf("%w description: not valid UTF-8", ErrInvalid)
	case strings.ContainsFunc(s, unicode.IsControl):
		return fmt.Errorf("%w description: it holds a control character", ErrInvalid)
	}
	return nil
}
