package format_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

var update = flag.Bool("update", false, "write format-4 anew; only while the format may still change")

// released says what the stores in testdata hold.
var released = []struct {
	path   string
	puts   int
	delete bool
}{
	{"prod/db", 3, false}, {"本番/パスワード", 1, false}, {"prod/deleted", 2, true}, {"prod/a b:c", 1, false},
}

// TestReleasedFormatsOpen opens a copy of a store of each format that was ever released.
func TestReleasedFormatsOpen(t *testing.T) {
	if *update {
		writeReleased(t, "../storetest/testdata/format-4")
		return // it is read in the next run
	}
	dirs, err := storetest.ReleasedFormats.ReadDir("testdata")
	if err != nil || len(dirs) != 2 {
		t.Fatalf("%d directories of testdata, %v", len(dirs), err)
	}
	for _, dir := range dirs {
		t.Run(dir.Name(), func(t *testing.T) {
			is := is.New(t)
			store := openReleased(t, storetest.Released(t, dir.Name()))
			defer store.Close()
			for _, want := range released {
				addr := myvault.Address{Project: "newsbot", Path: want.path}
				secret, err := store.Get(t.Context(), addr, 0)
				if want.delete {
					is.True(err != nil)
					continue
				}
				is.NoErr(err)
				is.Equal(secret.Version, myvault.Version(want.puts))
				is.Equal(secret.Value.Reveal(), fmt.Sprintf("%s version %d", want.path, want.puts))
			}
			report, err := store.Verify(t.Context())
			is.NoErr(err)
			is.True(fmt.Sprint(report) != "")
			_, err = store.NewEpoch(t.Context()) // newer operations work on it too
			is.NoErr(err)
			done, err := store.Reencrypt(t.Context(), nil)
			is.NoErr(err)
			is.Equal(done.Resealed, report.Records)
			entriesGoOn(t, store, report)
			is.NoErr(store.Rekey(t.Context(), crypto.NewKey()))
			_, err = store.Verify(t.Context(), report.Heads...)
			is.NoErr(err)
		})
	}
}

// entriesGoOn: the chain of accesses goes on behind what an older program wrote, and is read,
// proved and pruned as one.
func entriesGoOn(t *testing.T, store *sqlite.Store, opened sqlite.Report) {
	t.Helper()
	is := is.New(t)
	storetest.Record(t, store, 300)
	report, err := store.Verify(t.Context(), opened.Heads...)
	is.NoErr(err)
	is.True(report.TruncationChecked)
	is.Equal(report.Accesses, opened.Accesses+304) // with those of NewEpoch and Reencrypt
	first, last := report.Pruned+1, report.Heads[1].Seq
	var seqs []uint64
	for e, err := range store.Entries(t.Context(), myvault.TrailFilter{Before: myvault.Cursor{myvault.ChainChanges: 0}}) {
		is.NoErr(err)
		is.Equal(e.Seq, last-uint64(len(seqs)))
		seqs = append(seqs, e.Seq)
	}
	is.Equal(seqs[len(seqs)-1], first)
	for _, upTo := range []uint64{first, opened.Heads[1].Seq + 7, last - 1} {
		n, err := store.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: upTo}, nil)
		is.NoErr(err)
		is.True(n > 0)
		report, err := store.Verify(t.Context(), opened.Heads[0])
		is.NoErr(err)
		is.Equal(report.Pruned, upTo)
	}
}

func openReleased(t *testing.T, dir string) *sqlite.Store {
	t.Helper()
	key, err := crypto.ParseKey(storetest.ReleasedKey)
	if err != nil {
		t.Fatal(err)
	}
	store, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{Trail: sqlite.TrailConfig{MaxAge: -1}})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

func writeReleased(t *testing.T, dir string) {
	t.Helper()
	is := is.New(t)
	is.NoErr(os.RemoveAll(dir))
	store := openReleased(t, dir)
	apply := func(c myvault.Change) {
		_, err := store.Apply(t.Context(), myvault.Commit{By: "svc", At: time.Now(), Changes: []myvault.Change{c}})
		is.NoErr(err)
	}
	for _, s := range released {
		addr := myvault.Address{Project: "newsbot", Path: s.path}
		for n := range s.puts {
			apply(myvault.Change{Op: myvault.OpPut, Address: addr, Value: myvault.Text(fmt.Sprintf("%s version %d", s.path, n+1))})
		}
		if s.delete {
			apply(myvault.Change{Op: myvault.OpDelete, Address: addr})
		}
	}
	for range 3 {
		is.NoErr(store.Record(t.Context(), myvault.Entry{At: time.Now(), Service: "svc", Action: "read", Outcome: myvault.OutcomeOK, Count: 1}))
	}
	_, err := store.NewEpoch(t.Context())
	is.NoErr(err)
	_, err = store.Reencrypt(t.Context(), nil)
	is.NoErr(err)
	_, err = store.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: 2}, nil)
	is.NoErr(err)
	apply(myvault.Change{Op: myvault.OpPut, Address: myvault.Address{Project: "newsbot", Path: "prod/later"}, Value: myvault.Text("later")})
	is.NoErr(store.Close())
}

// A file with entries in the table single is from before the first release and is refused.
func TestAFileFromBeforeTheFirstReleaseIsRefused(t *testing.T) {
	is := is.New(t)
	key, err := crypto.ParseKey(storetest.ReleasedKey)
	is.NoErr(err)
	for sql, want := range map[string]error{
		`INSERT INTO single VALUES(1, 0, '', '', '', '', 'read', '', '', 0, 'ok', 1, 0, 0, 0, zeroblob(32))`: errors.ErrUnsupported,
		`PRAGMA user_version = 2`: myvault.ErrTampered,
	} {
		dir := storetest.Released(t, "format-3")
		r := storetest.OpenRaw(t, dir, "access.db")
		r.Exec(sql)
		r.Close()
		_, err = sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
		is.True(errors.Is(err, want))
		is.True(!errors.Is(err, sqlite.ErrForeign)) // access.db is the file of this store
	}
}
