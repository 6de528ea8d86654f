package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// everything returns the full contents of a store as lines: projects, versions, values, entries.
func everything(t *testing.T, s *sqlite.Store) (lines []string) {
	t.Helper()
	ctx := context.Background()
	say := func(err error, format string, args ...any) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf(format, args...))
	}
	for p, err := range s.Projects(ctx, "") {
		say(err, "%+v", p)
	}
	for _, deleted := range []bool{false, true} {
		for info, err := range s.List(ctx, myvault.ListOptions{Deleted: deleted}) {
			say(err, "%+v", info)
			for v, err := range s.Versions(ctx, info.Address, 0) {
				say(err, "%+v", v)
				secret, err := s.Get(ctx, info.Address, v.Version)
				say(nil, "%v %v", secret.Value.Reveal(), err)
			}
		}
	}
	for e, err := range s.Entries(ctx, myvault.TrailFilter{}) {
		if e.Via == "operator" {
			continue
		}
		say(err, "%+v", e)
	}
	return lines
}

// backedUp returns a store with every kind of row, and a backup of it.
func backedUp(t *testing.T, key crypto.Key) (s *sqlite.Store, path string, heads []myvault.Head) {
	t.Helper()
	s = storetest.Open(t, storetest.Filled(t, key), key)
	path = filepath.Join(t.TempDir(), "backup")
	heads, err := s.Backup(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, path, heads
}

func TestBackupAndRestore(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	s, path, heads := backedUp(t, key)
	is.Equal(len(heads), 2)
	info, err := os.Stat(path)
	is.NoErr(err)
	is.Equal(info.Mode().Perm(), fs.FileMode(0o600))
	report, err := sqlite.VerifyBackup(t.Context(), path, sqlite.StaticKey(key), heads...)
	is.NoErr(err)
	is.True(report.TruncationChecked)
	is.Equal(report.Heads, heads)
	before := everything(t, s)
	is.NoErr(s.Rekey(t.Context(), crypto.NewKey())) // the backup keeps its own

	dir := filepath.Join(t.TempDir(), "a", "b")
	_, err = sqlite.Restore(t.Context(), path, dir, sqlite.StaticKey(key), sqlite.Config{}, heads...)
	is.NoErr(err)
	restored := storetest.Open(t, dir, key)
	is.Equal(everything(t, restored), before)
	is.True(restored.Incarnation() != s.Incarnation())
	_, err = storetest.Apply(restored, storetest.Put("p/after", "x"))
	is.NoErr(err)
	is.Equal(epochsOf(t, dir)[2], 1) // under a new data key
	report, err = restored.Verify(t.Context(), heads...)
	is.NoErr(err)
	is.True(report.TruncationChecked)
	for e, err := range restored.Entries(t.Context(), myvault.TrailFilter{Action: "restore"}) {
		is.NoErr(err)
		is.Equal(e.Via, "operator")
	}
	for _, where := range []string{filepath.Dir(path), filepath.Dir(dir), t.TempDir()} {
		left, err := filepath.Glob(filepath.Join(where, ".making-*"))
		is.NoErr(err)
		is.Equal(len(left), 0)
	}
}

// TestBackupIsEncrypted checks that a backup contains no plaintext, and that two backups of one
// store have no block in common.
func TestBackupIsEncrypted(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.Open(t, dir, key)
	_, err := storetest.Apply(s, storetest.Put("canary-project/canary-path", "canary-value"))
	is.NoErr(err)
	var contents [][]byte
	for _, name := range []string{"one", "two"} {
		path := filepath.Join(t.TempDir(), name)
		_, err := s.Backup(t.Context(), path, nil)
		is.NoErr(err)
		content, err := os.ReadFile(path)
		is.NoErr(err)
		is.True(!bytes.Contains(content, []byte("canary")))
		is.True(!bytes.Contains(content, []byte("SQLite")))
		contents = append(contents, content)
	}
	const header = 125
	for at := header; at+16 < len(contents[0]); at += 16 {
		if bytes.Contains(contents[1], contents[0][at:at+16]) {
			t.Fatalf("16 bytes from %d on are in both", at)
		}
	}
	for name := range storetest.Files(t, dir) {
		is.True(name[0] != '.') // no temporary copy is left
	}
}

func TestBackupNeverReplaces(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	s, path, _ := backedUp(t, key)
	before, err := os.ReadFile(path)
	is.NoErr(err)
	_, err = s.Backup(t.Context(), path, nil)
	is.True(errors.Is(err, fs.ErrExist))
	after, err := os.ReadFile(path)
	is.NoErr(err)
	is.True(bytes.Equal(before, after))

	dir := t.TempDir()
	storetest.WriteFile(t, filepath.Join(dir, "something"), []byte("x"))
	_, err = sqlite.Restore(t.Context(), path, dir, sqlite.StaticKey(key), sqlite.Config{})
	is.True(errors.Is(err, fs.ErrExist))
	is.Equal(len(storetest.Files(t, dir)), 1)
}

// TestAlteredBackupsAreRefused checks that an altered backup is refused and nothing is restored.
func TestAlteredBackupsAreRefused(t *testing.T) {
	key := crypto.NewKey()
	s := storetest.Open(t, storetest.Filled(t, key), key)
	for range 20 {
		if _, err := storetest.Apply(s, storetest.Put("p/large", strings.Repeat("x", 5000))); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(t.TempDir(), "backup")
	if _, err := s.Backup(t.Context(), path, nil); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const header, sealedChunk = 125, 64<<10 + 16
	flipped := func(at int) []byte {
		b := bytes.Clone(whole)
		b[at] ^= 1
		return b
	}
	chunks := [][]byte{whole[:header], whole[header : header+sealedChunk], whole[header+sealedChunk:]}
	for name, c := range map[string]struct {
		content []byte
		want    error
	}{
		"empty":                {nil, sqlite.ErrForeign},
		"another file":         {bytes.Repeat([]byte("x"), 1000), sqlite.ErrForeign},
		"version 0":            {flipped(16), myvault.ErrTampered},
		"a newer one":          {append(append(bytes.Clone(whole[:16]), 2), whole[17:]...), sqlite.ErrNewer},
		"the vault id":         {flipped(17), myvault.ErrWrongKey},
		"the check value":      {flipped(40), myvault.ErrWrongKey},
		"the wrapped key":      {flipped(100), myvault.ErrTampered},
		"the first byte":       {flipped(header), myvault.ErrTampered},
		"the last byte":        {flipped(len(whole) - 1), myvault.ErrTampered},
		"the middle":           {flipped(len(whole) / 2), myvault.ErrTampered},
		"cut in the header":    {whole[:100], myvault.ErrTampered},
		"only the header":      {whole[:header], myvault.ErrTampered},
		"cut at a chunk":       {whole[:header+sealedChunk], myvault.ErrTampered},
		"cut at its end":       {whole[:len(whole)-1], myvault.ErrTampered},
		"a byte more":          {append(bytes.Clone(whole), 0), myvault.ErrTampered},
		"chunks exchanged":     {bytes.Join([][]byte{chunks[0], chunks[2], chunks[1]}, nil), myvault.ErrTampered},
		"a chunk left out":     {bytes.Join([][]byte{chunks[0], chunks[2]}, nil), myvault.ErrTampered},
		"written twice behind": {append(bytes.Clone(whole), whole...), myvault.ErrTampered},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			bad, parent := filepath.Join(t.TempDir(), "bad"), t.TempDir()
			storetest.WriteFile(t, bad, c.content)
			_, err := sqlite.VerifyBackup(t.Context(), bad, sqlite.StaticKey(key))
			is.True(errors.Is(err, c.want))
			_, err = sqlite.Restore(t.Context(), bad, filepath.Join(parent, "dir"), sqlite.StaticKey(key), sqlite.Config{})
			is.True(errors.Is(err, c.want))
			is.Equal(len(storetest.Files(t, parent)), 0)
		})
	}
	t.Run("another key", func(t *testing.T) {
		_, err := sqlite.VerifyBackup(t.Context(), path, sqlite.StaticKey(crypto.NewKey()))
		is.New(t).True(errors.Is(err, myvault.ErrWrongKey))
	})
}

// TestHeadsDetectOlderBackup checks that the heads of a newer backup refuse an older one.
func TestHeadsDetectOlderBackup(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	s, older, _ := backedUp(t, key)
	_, err := storetest.Apply(s, storetest.Put("p/new", "x"))
	is.NoErr(err)
	heads, err := s.Backup(t.Context(), filepath.Join(t.TempDir(), "newer"), nil)
	is.NoErr(err)
	_, err = sqlite.VerifyBackup(t.Context(), older, sqlite.StaticKey(key), heads...)
	is.True(errors.Is(err, myvault.ErrTampered))
	dir := filepath.Join(t.TempDir(), "dir")
	_, err = sqlite.Restore(t.Context(), older, dir, sqlite.StaticKey(key), sqlite.Config{}, heads...)
	is.True(errors.Is(err, myvault.ErrTampered))
	_, err = os.Stat(dir)
	is.True(errors.Is(err, fs.ErrNotExist))
}

// TestBackupDuringWrites checks that writes made during a backup are not in it and do not fail it.
func TestBackupDuringWrites(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.Open(t, dir, key)
	other := storetest.Open(t, dir, key)
	many(t, s)
	path, written := filepath.Join(t.TempDir(), "backup"), 0
	last := int64(0)
	heads, err := s.Backup(t.Context(), path, func(done, total int64) {
		is.True(done > last && done <= total)
		last = done
		_, err := storetest.Apply(other, storetest.Put("p/000", fmt.Sprint("later ", written)))
		is.NoErr(err)
		is.NoErr(s.Record(t.Context(), myvault.Entry{Action: "read", At: storetest.At}))
		written++
	})
	is.NoErr(err)
	is.True(written > 4)
	restored := filepath.Join(t.TempDir(), "dir")
	report, err := sqlite.Restore(t.Context(), path, restored, sqlite.StaticKey(key), sqlite.Config{}, heads...)
	is.NoErr(err)
	is.Equal(report.Heads, heads) // without later writes
	is.Equal(storetest.Value(t, storetest.Open(t, restored, key), "p/000"), "value 0")
	_, err = s.Verify(t.Context())
	is.NoErr(err)
}

// TestBackupIsCanceled checks that a canceled backup leaves no file behind.
func TestBackupIsCanceled(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.Open(t, dir, key)
	many(t, s)
	ctx, stop := context.WithCancel(t.Context())
	to := t.TempDir()
	_, err := s.Backup(ctx, filepath.Join(to, "backup"), func(int64, int64) { stop() })
	is.True(errors.Is(err, context.Canceled))
	is.Equal(len(storetest.Files(t, to)), 0)
	for name := range storetest.Files(t, dir) {
		is.True(name[0] != '.')
	}
}

// TestRestoreAfterCrash checks that the leftovers of an interrupted restore do not stop the next.
func TestRestoreAfterCrash(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	_, path, _ := backedUp(t, key)
	parent := t.TempDir()
	left := filepath.Join(parent, ".making-restore-dir-1")
	is.NoErr(os.Mkdir(left, 0o700))
	storetest.WriteFile(t, filepath.Join(left, "vault.db"), []byte("half"))
	is.NoErr(os.Chtimes(left, storetest.At, storetest.At))
	is.NoErr(os.Mkdir(filepath.Join(parent, "dir"), 0o700)) // an empty directory is allowed
	_, err := sqlite.Restore(t.Context(), path, filepath.Join(parent, "dir"), sqlite.StaticKey(key), sqlite.Config{})
	is.NoErr(err)
	entries, err := os.ReadDir(parent)
	is.NoErr(err)
	is.Equal(len(entries), 1)
	_, err = storetest.Open(t, filepath.Join(parent, "dir"), key).Verify(t.Context())
	is.NoErr(err)
}

// FuzzBackup checks that only an unchanged backup verifies.
func FuzzBackup(f *testing.F) {
	key := crypto.NewKey()
	s := storetest.Open(f, f.TempDir(), key)
	if _, err := storetest.Apply(s, storetest.Put("p/a", "v")); err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(f.TempDir(), "backup")
	if _, err := s.Backup(f.Context(), path, nil); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(0, 0, []byte("x"))
	f.Add(20, 1, []byte(nil))
	f.Add(len(whole), 1, []byte(nil))
	f.Fuzz(func(t *testing.T, at, cut int, piece []byte) {
		at = min(max(at, 0), len(whole))
		cut = min(max(cut, 0), len(whole)-at)
		changed := bytes.Join([][]byte{whole[:at], piece, whole[at+cut:]}, nil)
		path := filepath.Join(t.TempDir(), "backup")
		storetest.Must(t, os.WriteFile(path, changed, 0o600))
		_, err := sqlite.VerifyBackup(t.Context(), path, sqlite.StaticKey(key))
		if (err == nil) != bytes.Equal(changed, whole) {
			t.Fatalf("%d bytes in place of %d at %d: %v", len(piece), cut, at, err)
		}
		for _, known := range []error{sqlite.ErrForeign, sqlite.ErrNewer, myvault.ErrTampered, myvault.ErrWrongKey} {
			if errors.Is(err, known) {
				return
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	})
}
