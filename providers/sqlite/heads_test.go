package sqlite_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestHeadsFile checks that heads kept in a file detect an older copy of the store.
func TestHeadsFile(t *testing.T) {
	is := is.New(t)
	dir, key, path := t.TempDir(), crypto.NewKey(), filepath.Join(t.TempDir(), "heads")
	older := storetest.Closed(t, key)
	is.NoErr(os.CopyFS(dir, os.DirFS(older)))
	for _, name := range []string{"vault.db", "access.db"} {
		is.NoErr(os.Chmod(filepath.Join(dir, name), 0o600))
	}
	s, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{HeadsFile: path})
	is.NoErr(err)
	_, err = storetest.Apply(s, storetest.Put("p/new", "x"))
	is.NoErr(err)
	storetest.Record(t, s, 2)
	is.NoErr(s.Close())
	heads, err := sqlite.ReadHeads(path)
	is.NoErr(err)
	s = storetest.Open(t, dir, key)
	now, err := s.Heads(t.Context())
	is.NoErr(err)
	is.Equal(heads, now)
	report, err := s.Verify(t.Context(), heads...)
	is.NoErr(err)
	is.True(report.TruncationChecked)
	_, err = storetest.Open(t, older, key).Verify(t.Context(), heads...)
	is.True(errors.Is(err, myvault.ErrTampered))
}

func TestHeadsFileAfterBackup(t *testing.T) {
	is := is.New(t)
	path := filepath.Join(t.TempDir(), "heads")
	s := storetest.OpenWith(t, t.TempDir(), crypto.NewKey(), sqlite.Config{HeadsFile: path})
	_, err := s.Backup(t.Context(), filepath.Join(t.TempDir(), "backup"), nil)
	is.NoErr(err)
	heads, err := sqlite.ReadHeads(path)
	is.NoErr(err)
	_, err = s.Verify(t.Context(), heads...)
	is.NoErr(err)
}

func TestParseHeadsRefuses(t *testing.T) {
	const good = "changes 12 2026-03-01T12:00:00.000123Z 0101010101010101010101010101010101010101010101010101010101010101\n"
	for _, line := range []string{
		"changes", "changes 12", "other" + good[7:], "changes x" + good[10:], "changes -1" + good[10:], good[:len(good)-3],
		"changes 12 yesterday" + good[38:], good[:len(good)-2] + "x", "changes 99999999999999999999" + good[10:], good[:len(good)-1] + " more",
	} {
		is := is.New(t)
		heads, err := sqlite.ParseHeads("\n" + good + "\n" + line)
		is.True(errors.Is(err, myvault.ErrInvalid))
		is.Equal(len(heads), 0)
		is.True(err.Error() != "" && !errors.Is(err, os.ErrNotExist))
	}
	is := is.New(t)
	heads, err := sqlite.ParseHeads(good + good)
	is.NoErr(err)
	is.Equal(sqlite.FormatHeads(heads), good+good)
}

func ExampleFormatHeads() {
	head := myvault.Head{Chain: myvault.ChainChanges, Seq: 12, At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), MAC: make([]byte, 32)}
	fmt.Print(sqlite.FormatHeads([]myvault.Head{head}))
	// Output: changes 12 2026-03-01T12:00:00Z 0000000000000000000000000000000000000000000000000000000000000000
}

func FuzzParseHeads(f *testing.F) {
	f.Add("changes 12 2026-03-01T12:00:00Z 0000000000000000000000000000000000000000000000000000000000000000\n")
	f.Fuzz(func(t *testing.T, text string) {
		heads, err := sqlite.ParseHeads(text)
		if err != nil {
			return
		}
		is := is.New(t)
		again, err := sqlite.ParseHeads(sqlite.FormatHeads(heads))
		is.NoErr(err)
		is.Equal(len(again), len(heads))
		for i := range heads {
			is.True(again[i].At.Equal(heads[i].At) && again[i].Seq == heads[i].Seq)
		}
	})
}
