package access_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// ofServices records n entries of the services s1, s2 and so on.
func ofServices(t *testing.T, s *sqlite.Store, n int) {
	t.Helper()
	entries := make([]myvault.Entry, n)
	for i := range entries {
		entries[i] = myvault.Entry{Service: fmt.Sprint("s", i+1), Action: "read", At: storetest.At}
	}
	storetest.Must(t, s.Record(t.Context(), entries...))
}

// TestFilterDetectsAlteredEntry checks that an entry altered so that a filter skips it is still
// detected.
func TestFilterDetectsAlteredEntry(t *testing.T) {
	for _, seq := range []uint64{1, 7, 10} {
		is := is.New(t)
		dir, key := t.TempDir(), crypto.NewKey()
		s := storetest.OpenWith(t, dir, key, sqlite.Config{Trail: storetest.KeepEntries})
		ofServices(t, s, 10)
		storetest.OpenRaw(t, dir, "access.db").Alter(seq, func(e *myvault.Entry) { e.Service = "nobody" })
		var failed error
		for _, err := range s.Entries(t.Context(), myvault.TrailFilter{Service: fmt.Sprint("s", seq)}) {
			failed = err
		}
		var bad *sqlite.BadEntry
		is.True(errors.As(failed, &bad))
		is.Equal(bad.Seq, seq)
	}
}

// A row planted at the point where pruning will cut another row is reported as tampering.
func TestPlantedRowAtPrunePoint(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.OpenWith(t, dir, key, sqlite.Config{Trail: storetest.KeepEntries})
	ofServices(t, s, 100)
	r := storetest.OpenRaw(t, dir, "access.db")
	r.Exec(fmt.Sprintf(`INSERT INTO batch VALUES(51, x'%x')`, storetest.Pack(r.Accesses()[50:51])))
	_, err := s.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: 50}, nil)
	is.True(errors.Is(err, myvault.ErrTampered))
}

// TestFailedRequestAtEndOfRow checks that a failed request at the end of a row is not counted in
// the row.
func TestFailedRequestAtEndOfRow(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.OpenWith(t, dir, key, sqlite.Config{Trail: storetest.KeepEntries})
	entry := myvault.Entry{Service: "s", Action: "read", At: storetest.At}
	var kept, lost error
	storetest.OneTransaction(t.Context(), storetest.RoomsOf(s).Trail.File.Writer,
		func() { kept = storetest.RoomsOf(s).Trail.RecordUnless(t.Context(), false, entry) },
		func() { lost = storetest.RoomsOf(s).Trail.RecordUnless(t.Context(), true, entry) })
	is.NoErr(kept)
	is.True(lost != nil)
	is.NoErr(storetest.OpenWith(t, dir, key, sqlite.Config{Trail: storetest.KeepEntries}).Record(t.Context(), entry))
	report, err := s.Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Accesses, uint64(2))
}
