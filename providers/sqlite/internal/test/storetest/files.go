package storetest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// Crashed returns a directory as a killed process leaves it: changes and entries are in the
// write-ahead logs and not yet in the files.
func Crashed(t testing.TB, key crypto.Key) string {
	t.Helper()
	from := t.TempDir()
	s := Open(t, from, key)
	if _, err := Apply(s, Put("news/prod/db", "one"), Put("news/prod/db", "two")); err != nil {
		t.Fatal(err)
	}
	if err := s.Record(context.Background(), myvault.Entry{Action: "read", Address: Addr("news/prod/db"), At: At}); err != nil {
		t.Fatal(err)
	}
	return Copied(t, from)
}

// Copied returns a copy of a directory.
func Copied(t testing.TB, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.Mkdir(to, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range Files(t, from) {
		if err := os.WriteFile(filepath.Join(to, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// Closed returns a directory as Close leaves it.
func Closed(t testing.TB, key crypto.Key) string {
	t.Helper()
	dir := Crashed(t, key)
	s, err := sqlite.Open(context.Background(), dir, sqlite.StaticKey(key), sqlite.Config{})
	if err == nil {
		err = s.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// Refused checks that opening dir fails with want, changes no byte of any file and creates none.
func Refused(t testing.TB, dir string, keys sqlite.KeySource, want error) {
	t.Helper()
	is := is.New(t)
	before := Files(t, dir)
	_, err := sqlite.Open(t.Context(), dir, keys, sqlite.Config{})
	if !errors.Is(err, want) {
		t.Fatal(err)
	}
	after := Files(t, dir)
	is.Equal(slices.Sorted(maps.Keys(after)), slices.Sorted(maps.Keys(before)))
	for name := range before {
		is.True(string(after[name]) == string(before[name])) // a file was changed
	}
}

// WriteFile writes a file for the owner alone.
func WriteFile(t testing.TB, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Files returns the content of every file in a directory, by name.
func Files(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = content
	}
	return all
}

// Opens reports whether a key opens a copy of the store. If it does, the copy must verify.
func Opens(t testing.TB, dir string, key crypto.Key) bool {
	t.Helper()
	s, err := sqlite.Open(t.Context(), Copied(t, dir), sqlite.StaticKey(key), sqlite.Config{})
	if errors.Is(err, myvault.ErrWrongKey) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Verify(t.Context())
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	return true
}

// AreGone fails the test if a file of the store contains one of the byte strings.
func AreGone(t testing.TB, dir string, gone [][]byte) {
	t.Helper()
	for name, content := range Files(t, dir) {
		for _, b := range gone {
			if bytes.Contains(content, b) {
				t.Fatalf("%s still contains old bytes", name)
			}
		}
	}
}

// Filled returns the directory of a closed store with a small history. Its comments are the
// sequences of the log.
func Filled(t testing.TB, key crypto.Key) string {
	t.Helper()
	dir := t.TempDir()
	s, err := sqlite.Open(context.Background(), dir, sqlite.StaticKey(key), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = Apply(s,
		Put("p/a", "a one"),           // 1
		Put("p/a", "a two"),           // 2
		Put("p/b", "b one"),           // 3
		Put("q/a", "q one"),           // 4
		On(myvault.OpDelete, "p/b"),   // 5
		On(myvault.OpUndelete, "p/b"), // 6
		myvault.Change{Op: myvault.OpDefaultProject, Project: myvault.Project{Name: "q"}}, // 7
		Put("p/a", "a three"),                  // 8
		On(myvault.OpDestroy, "p/a", 1),        // 9
		Put("p/only", "at the end of the log"), // 10
	)
	for range 3 {
		err = errors.Join(err, s.Record(context.Background(), myvault.Entry{Service: "x", Action: "read", Address: Addr("p/a"), At: At}))
	}
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}
