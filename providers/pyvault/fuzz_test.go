package pyvault_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/pyvault"
)

// FuzzFile reads a file of the earlier service with changed bytes. Each three bytes of edits are
// an offset and the new byte.
func FuzzFile(f *testing.F) {
	key := crypto.NewKey()
	s := filled(f, key)
	for i := range 200 { // so that there are inner pages
		s.Put("newsbot", fmt.Sprint("prod/", i), "v")
	}
	valid, err := os.ReadFile(s.Done())
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{})
	f.Add([]byte{0, 16, 1, 0, 17, 1})                // the size of pages
	f.Add([]byte{0, 18, 2, 0, 19, 2})                // a write-ahead log
	f.Add([]byte{0, 100, 5, 16, 0, 5, 32, 0, 5})     // inner table pages
	f.Add([]byte{0, 103, 255, 16, 3, 255, 32, 3, 9}) // the number of cells
	f.Add([]byte{16, 5, 0, 16, 6, 0, 16, 8, 1})      // offsets of cells
	f.Fuzz(func(t *testing.T, edits []byte) {
		data := append([]byte{}, valid...)
		for ; len(edits) >= 3; edits = edits[3:] {
			data[(int(edits[0])<<8+int(edits[1]))%len(data)] = edits[2]
		}
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		old, err := pyvault.Open(ctx, path, key, pyvault.Config{})
		if err != nil {
			known := errors.Is(err, myvault.ErrInvalid) || errors.Is(err, myvault.ErrUnavailable) || errors.Is(err, myvault.ErrWrongKey)
			if !known || ctx.Err() != nil {
				t.Errorf("%v", err)
			}
			return
		}
		readAll(t, old)
	})
}

// readAll reads everything in the file.
func readAll(t *testing.T, old *pyvault.Store) {
	for info, err := range old.List(t.Context(), myvault.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if err := info.Address.Validate(); err != nil || info.At.Year() < 1 || info.At.Year() > 9999 {
			t.Errorf("%v at %v", err, info.At)
		}
		if _, err := old.Get(t.Context(), info.Address, 0); err != nil {
			t.Error(err)
		}
	}
	for p, err := range old.Projects(t.Context(), "") {
		if err != nil || myvault.ValidateProject(p.Name) != nil {
			t.Errorf("%q: %v", p.Name, err)
		}
	}
	for _, p := range old.Problems() {
		_ = p.String()
	}
}
