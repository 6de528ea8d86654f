package storetest

import (
	"embed"
	"os"
	"path/filepath"
	"testing"
)

// ReleasedKey is the master key of the stores in testdata. It protects nothing.
const ReleasedKey = "base64:bXlWYXVsdCB0ZXN0ZGF0YSBrZXksIG5vIHNlY3JldCE="

// ReleasedFormats has a directory for each format, such as format-4.
//
//go:embed testdata/format-*
var ReleasedFormats embed.FS

// Released returns a copy of the store of a format, such as "format-4".
func Released(t testing.TB, format string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"vault.db", "access.db"} {
		content, err := ReleasedFormats.ReadFile("testdata/" + format + "/" + name)
		Must(t, err)
		WriteFile(t, filepath.Join(dir, name), content)
	}
	Must(t, os.Chmod(dir, 0o700))
	return dir
}
