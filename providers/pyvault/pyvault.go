// Package pyvault reads the SQLite file of myVault's earlier service, which was written in
// Python, so that [transfer.Copy] can copy it to another provider:
//
//	old, err := pyvault.Open(ctx, "myvault.db", key, pyvault.Config{})
//	if err != nil { ... }
//	for _, p := range old.Problems() { fmt.Println(p) } // secrets that cannot be copied
//	report, err := transfer.Copy(ctx, store, old, transfer.Options{By: "operator"})
//
// The tables are projects (name, description, created_at, created_by, and in later files
// is_default) and secrets (project, path, encrypted_value, encryption_iv, encryption_tag,
// updated_at, updated_by). Values are encrypted with AES-256-GCM under the master key itself,
// without additional data. Ciphertext, IV (12 bytes) and tag (16 bytes) are in hexadecimal. Times
// are in UTC.
//
// The service stored one value for each secret, so each has one version here, version 1, with the
// time and the author of its last update. The version numbers in the file are ignored.
package pyvault

import (
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
)

// Config configures a Store. The zero Config is ready to use.
type Config struct {
	// Rename renames projects and secrets. Its keys are the names "project" and "project/path" in
	// the file. The new name of a secret is a "project/path". A secret without a new name moves
	// with its project.
	Rename map[string]string
}

// Store is a read-only [myvault.Provider]. [Open] returns one.
type Store struct {
	aead     cipher.AEAD
	secrets  []secret // by address
	projects []myvault.Project
	problems []Problem
	closed   atomic.Bool
}

var _ myvault.Provider = (*Store)(nil)

// secret is one row of the table, still encrypted.
type secret struct {
	myvault.Info
	iv     []byte
	sealed []byte // ciphertext and tag
}

// Problem is a secret or project that the Store cannot return, or only in part. Project and Path
// are the names in the file. A problem of a project has no Path.
type Problem struct {
	Project, Path string
	Reason        string
}

// String returns a line such as `"my project" "a//b": invalid path: segment 2 is empty`.
func (p Problem) String() string {
	if p.Path == "" {
		return fmt.Sprintf("%q: %s", p.Project, p.Reason)
	}
	return fmt.Sprintf("%q %q: %s", p.Project, p.Path, p.Reason)
}

// Open reads the file at path into memory and closes it. It changes nothing in the file and
// creates no other file. Values stay encrypted until Get, but Open decrypts each once as a check.
//
// It returns ErrWrongKey if the key decrypts none of the values, and ErrInvalid if the file is not
// one of the service. It returns ErrUnavailable if the file cannot be read, or is being written:
// stop the service first.
func Open(ctx context.Context, path string, key crypto.Key, c Config) (*Store, error) {
	s, err := open(ctx, path, key, c)
	if err != nil {
		return nil, fmt.Errorf("pyvault: %w", err)
	}
	return s, nil
}

func open(ctx context.Context, path string, key crypto.Key, c Config) (*Store, error) {
	aead, err := cipherOf(key)
	if err != nil {
		return nil, err
	}
	var f contents
	if err := readUnchanged(path, func() (err error) {
		f, err = readFile(ctx, path)
		return err
	}); err != nil {
		return nil, err
	}
	s := &Store{aead: aead}
	if err := s.load(f, c.Rename); err != nil {
		return nil, err
	}
	return s, nil
}

// Problems returns the problems of the file: names that the vault refuses and Config.Rename does
// not change, values that are empty or cannot be decrypted, and duplicates.
func (s *Store) Problems() []Problem { return slices.Clone(s.problems) }

// Get implements [myvault.Provider].
func (s *Store) Get(ctx context.Context, addr myvault.Address, version myvault.Version) (myvault.Secret, error) {
	if err := s.usable(ctx); err != nil {
		return myvault.Secret{}, err
	}
	i, found := s.find(addr)
	if !found || version > 1 {
		return myvault.Secret{}, myvault.ErrNotFound
	}
	value, err := s.secrets[i].open(s.aead)
	if err != nil {
		return myvault.Secret{}, err
	}
	defer clear(value)
	return myvault.Secret{Info: s.secrets[i].Info, Value: myvault.Bytes(value)}, nil
}

func (s *Store) find(addr myvault.Address) (int, bool) {
	return slices.BinarySearchFunc(s.secrets, addr, func(e secret, a myvault.Address) int { return e.Address.Compare(a) })
}

// Apply implements [myvault.Provider]. It returns errors.ErrUnsupported.
func (s *Store) Apply(ctx context.Context, _ myvault.Commit) ([]myvault.Info, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%w: the file is read-only", errors.ErrUnsupported)
}

// List implements [myvault.Provider]. The file has no deleted secrets.
func (s *Store) List(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
	return func(yield func(myvault.Info, error) bool) {
		if err := s.usable(ctx); err != nil {
			yield(myvault.Info{}, err)
			return
		}
		for _, e := range s.secrets {
			if r.Deleted || e.Compare(r.After) <= 0 || !r.Prefix.Contains(e.Address) {
				continue
			}
			if err := ctx.Err(); err != nil {
				yield(myvault.Info{}, err)
				return
			}
			if !yield(e.Info, nil) {
				return
			}
		}
	}
}

// Versions implements [myvault.Provider].
func (s *Store) Versions(ctx context.Context, addr myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
	return func(yield func(myvault.Info, error) bool) {
		err := s.usable(ctx)
		i, found := s.find(addr)
		if err == nil && !found {
			err = myvault.ErrNotFound
		}
		if err != nil {
			yield(myvault.Info{}, err)
			return
		}
		if before == 0 || s.secrets[i].Version < before {
			yield(s.secrets[i].Info, nil)
		}
	}
}

// Projects implements [myvault.Provider].
func (s *Store) Projects(ctx context.Context, from string) iter.Seq2[myvault.Project, error] {
	return func(yield func(myvault.Project, error) bool) {
		if err := s.usable(ctx); err != nil {
			yield(myvault.Project{}, err)
			return
		}
		for _, p := range s.projects {
			if p.Name >= from && !yield(p, nil) {
				return
			}
		}
	}
}

// Ping returns nil, or ErrClosed after Close.
func (s *Store) Ping(ctx context.Context) error { return s.usable(ctx) }

// Close closes the Store. Later calls return ErrClosed, except for Close, which returns nil.
func (s *Store) Close() error {
	s.closed.Store(true)
	return nil
}

func (s *Store) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.closed.Load() {
		return myvault.ErrClosed
	}
	return nil
}

// renamed returns the new names of a secret, or of a project if path is empty.
func renamed(project, path string, rename map[string]string) (string, string) {
	if path != "" {
		if name, found := rename[project+"/"+path]; found {
			project, path, _ = strings.Cut(name, "/")
			return project, path
		}
	}
	if name, found := rename[project]; found {
		project = name
	}
	return project, path
}
