package pyvault

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
)

func cipherOf(key crypto.Key) (cipher.AEAD, error) {
	if key.IsZero() {
		return nil, fmt.Errorf("%w: the master key is empty", crypto.ErrKey)
	}
	_, text, _ := strings.Cut(key.Text(), ":")
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, crypto.ErrKey
	}
	defer clear(b)
	block, err := aes.NewCipher(b)
	if err != nil {
		return nil, crypto.ErrKey
	}
	return cipher.NewGCM(block)
}

// errNotDecrypted means that a value does not authenticate with the key.
var errNotDecrypted = fmt.Errorf("%w: the master key does not decrypt the value", myvault.ErrTampered)

func (e secret) open(aead cipher.AEAD) ([]byte, error) {
	value, err := aead.Open(nil, e.iv, e.sealed, nil)
	if err != nil {
		return nil, errNotDecrypted
	}
	return value, nil
}

// load fills s with the contents of the file.
func (s *Store) load(f contents, rename map[string]string) error {
	var decrypted, failed int
	for _, row := range f.secrets {
		e, err := s.secret(row, rename)
		if errors.Is(err, errNotDecrypted) {
			failed++
		} else {
			decrypted++
		}
		if err != nil {
			s.problems = append(s.problems, Problem{row.project, row.path, err.Error()})
			continue
		}
		s.secrets = append(s.secrets, e)
	}
	if failed > 0 && decrypted == 0 {
		return fmt.Errorf("%w: it decrypts none of the values", myvault.ErrWrongKey)
	}
	s.sort()
	s.loadProjects(f.projects, rename)
	return nil
}

// secret returns the secret of a row. It checks the value before the names, so that a wrong key is
// not reported as invalid names.
func (s *Store) secret(row secretRow, rename map[string]string) (secret, error) {
	e := secret{Info: myvault.Info{Version: 1, State: myvault.Live, By: row.by}}
	value, err1 := hex.DecodeString(row.value)
	iv, err2 := hex.DecodeString(row.iv)
	tag, err3 := hex.DecodeString(row.tag)
	if errors.Join(err1, err2, err3) != nil || len(iv) != s.aead.NonceSize() || len(tag) != s.aead.Overhead() {
		return e, errNotDecrypted
	}
	e.iv, e.sealed = iv, append(value, tag...)
	plain, err := e.open(s.aead)
	if err != nil {
		return e, err
	}
	size := len(plain)
	clear(plain)
	if err := myvault.Bytes(make([]byte, size)).Validate(); err != nil {
		return e, err
	}
	e.Project, e.Path = renamed(row.project, row.path, rename)
	if err := e.Validate(); err != nil {
		return e, err
	}
	e.At, err = parseTime(row.at)
	return e, err
}

// sort sorts the secrets by address. Of duplicates it keeps the first in the file.
func (s *Store) sort() {
	slices.SortStableFunc(s.secrets, func(a, b secret) int { return a.Compare(b.Address) })
	s.secrets = slices.CompactFunc(s.secrets, func(a, b secret) bool {
		if a.Address == b.Address {
			s.problems = append(s.problems, Problem{b.Project, b.Path, "another secret in the file has this name"})
			return true
		}
		return false
	})
}

// loadProjects fills s.projects with the projects of the file and those of its secrets.
func (s *Store) loadProjects(rows []projectRow, rename map[string]string) {
	known := make(map[string]bool)
	hasDefault := false
	for _, row := range rows {
		report := func(reason string) {
			s.problems = append(s.problems, Problem{Project: row.name, Reason: reason})
		}
		p, err := project(row, rename)
		switch {
		case err != nil:
			report(err.Error())
			continue
		case known[p.Name]:
			report("another project in the file has this name")
			continue
		case !validDescription(p.Description):
			report("its description is too long or contains control characters; it is copied without")
			p.Description = ""
		}
		if p.Default && hasDefault {
			report("the file has another default project; it is copied as an ordinary one")
			p.Default = false
		}
		known[p.Name], hasDefault = true, hasDefault || p.Default
		s.projects = append(s.projects, p)
	}
	for _, e := range s.secrets {
		if !known[e.Project] {
			known[e.Project] = true
			s.projects = append(s.projects, myvault.Project{Name: e.Project, At: e.At, By: e.By})
		}
	}
	slices.SortFunc(s.projects, func(a, b myvault.Project) int { return cmp.Compare(a.Name, b.Name) })
}

// validDescription reports whether the vault accepts text as a description.
func validDescription(text string) bool {
	return len(text) <= myvault.MaxDescription && utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}

func project(row projectRow, rename map[string]string) (p myvault.Project, err error) {
	p = myvault.Project{Description: row.description, Default: row.isDefault, By: row.by}
	p.Name, _ = renamed(row.name, "", rename)
	if err := myvault.ValidateProject(p.Name); err != nil {
		return p, err
	}
	p.At, err = parseTime(row.at)
	return p, err
}
