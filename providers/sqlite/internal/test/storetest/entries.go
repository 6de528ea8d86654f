package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/access"
)

// ARead is an entry of a read.
var ARead = myvault.Entry{Service: "ui", Action: "read", Address: Addr("p/a"), At: At}

// Synced waits until the recorded entries are on the disk.
func Synced(t testing.TB, s *sqlite.Store) {
	t.Helper()
	for r := RoomsOf(s).Trail.Syncer; r.Synced.Load() != r.Newest.Load(); {
		time.Sleep(time.Millisecond)
	}
}

// Record records n entries, a minute apart.
func Record(t testing.TB, s myvault.Trail, n int) {
	t.Helper()
	entries := make([]myvault.Entry, n)
	for i := range entries {
		entries[i] = myvault.Entry{Service: "svc", Action: "read", Address: Addr("p/a"), At: At.Add(time.Duration(i) * time.Minute)}
	}
	if err := s.Record(context.Background(), entries...); err != nil {
		t.Fatal(err)
	}
}

// Sequences returns the sequences of the access entries, oldest first.
func Sequences(t testing.TB, s myvault.Trail) (all []uint64) {
	t.Helper()
	for e, err := range s.Entries(context.Background(), myvault.TrailFilter{Before: myvault.Cursor{myvault.ChainChanges: 0}}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Via != "operator" {
			all = append([]uint64{e.Seq}, all...)
		}
	}
	return all
}

// Entries returns the entries of a trail, newest first.
func Entries(t testing.TB, trail myvault.Trail, r myvault.TrailFilter) (all []myvault.Entry) {
	t.Helper()
	for e, err := range trail.Entries(context.Background(), r) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// Unpack decodes the body of a row of entries, of which the first has that sequence.
func Unpack(body []byte, first uint64) ([]myvault.Entry, error) {
	return access.DecodeBatch(body, first)
}

// Pack encodes entries that follow each other as one row, with the MACs that they have.
func Pack(entries []myvault.Entry) []byte {
	var p access.Batch
	for i := range entries {
		p.Add(&entries[i], entries[i].MAC)
	}
	if p.N == 0 {
		return nil
	}
	return p.Encode()
}
