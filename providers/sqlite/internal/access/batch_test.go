package access_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// bodies returns examples of batches that this program writes.
func bodies() [][]byte {
	usual := myvault.Entry{
		Seq: 1, At: storetest.At, First: storetest.At, Last: storetest.At, Count: 1, Service: "svc", Via: "header", Action: "read", Outcome: "ok",
		Address: storetest.Addr("p/a"), Version: 3, MAC: bytes.Repeat([]byte{7}, 32),
	}
	next := usual
	next.Seq, next.Address.Path, next.MAC = 2, "b", bytes.Repeat([]byte{8}, 32)
	other := myvault.Entry{Seq: 3, At: storetest.At.Add(time.Second), First: storetest.At, Last: storetest.At.Add(2 * time.Second), Count: 9, Seen: 5,
		Request: "r", Remote: "192.0.2.1", MAC: bytes.Repeat([]byte{9}, 32)}
	return [][]byte{storetest.Pack([]myvault.Entry{usual}), storetest.Pack([]myvault.Entry{usual, next, other}), storetest.Pack([]myvault.Entry{other})}
}

// TestBatchEncoding compares the bytes of a batch with the example in docs/format.md.
func TestBatchEncoding(t *testing.T) {
	is := is.New(t)
	body := bodies()[1]
	is.Equal(fmt.Sprintf("%x", body), knownBatch)
	entries, err := storetest.Unpack(body, 1)
	is.NoErr(err)
	is.Equal(len(entries), 3)
	is.Equal(entries[1].Address, storetest.Addr("p/b"))
	is.Equal(entries[1].At, storetest.At.UTC())
	is.Equal(entries[2].Service, "")
	is.Equal(entries[2].Last, storetest.At.Add(2*time.Second).UTC())
	is.Equal(entries[2].Count, uint64(9))
	is.Equal(entries[2].Prev, entries[1].MAC)
}

// TestBatchHasOneEncoding checks that a batch is accepted only as this program encodes it.
func TestBatchHasOneEncoding(t *testing.T) {
	body := bodies()[0]
	with := func(change func(b []byte) []byte) []byte { return change(bytes.Clone(body)) }
	for name, c := range map[string]struct {
		body []byte
		seq  uint64 // in the error
	}{
		"nothing":            {nil, 7},
		"no entry":           {[]byte{1, 0, 0}, 7},
		"another format":     {with(func(b []byte) []byte { b[0] = 2; return b }), 7},
		"too many entries":   {with(func(b []byte) []byte { b[1], b[2] = 1, 1; return b }), 7},
		"too few entries":    {with(func(b []byte) []byte { b[2] = 2; return b }), 8},
		"trailing bytes":     {with(func(b []byte) []byte { return append(b, 0) }), 8},
		"one byte less":      {body[:len(body)-1], 7},
		"an unknown field":   {with(func(b []byte) []byte { b[3] |= 0x40; return b }), 7},
		"a redundant number": {slices.Concat([]byte{1, 0, 1, 0, 4}, []byte{7: 1}, make([]byte, 32)), 7}, // count
		"a redundant time":   {slices.Concat([]byte{1, 0, 1, 0, 1}, make([]byte, 8), make([]byte, 32)), 7},
		"a redundant text":   {slices.Concat([]byte{1, 0, 1, 0, 0x40}, make([]byte, 2), make([]byte, 32)), 7},
		"a text too long":    {slices.Concat([]byte{1, 0, 1, 0, 0x40}, []byte{0, 129}, make([]byte, 129), make([]byte, 32)), 7},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			_, err := storetest.Unpack(c.body, 7)
			var bad *sqlite.BadEntry
			is.True(errors.As(err, &bad))
			is.Equal(bad.Seq, c.seq)
			is.True(errors.Is(err, myvault.ErrTampered))
		})
	}
}

// TestEntriesOfCommitAreOneRow checks that entries of one commit share a row, up to 256 of them.
func TestEntriesOfCommitAreOneRow(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.OpenWith(t, dir, key, sqlite.Config{Trail: storetest.KeepEntries})
	storetest.Record(t, s, 700)
	storetest.Record(t, s, 1)
	long := make([]myvault.Entry, 30)
	for i := range long {
		long[i] = myvault.Entry{At: storetest.At, Action: "read", Address: myvault.Address{Project: "p", Path: fmt.Sprintf("%d%02000d", i, 0)}}
	}
	is.NoErr(s.Record(t.Context(), long...))
	r := storetest.OpenRaw(t, dir, "access.db")
	var keys []string
	for _, key := range r.Blobs(`SELECT seq FROM batch ORDER BY seq`) {
		keys = append(keys, string(key))
	}
	is.Equal(keys, []string{"1", "257", "513", "701", "702", "719"}) // a row also ends at 32 KiB
	_, err := s.Verify(t.Context())
	is.NoErr(err)
}

// TestEntriesFromWithinBatch checks that a listing can start at any entry of a row.
func TestEntriesFromWithinBatch(t *testing.T) {
	is := is.New(t)
	s := storetest.OpenWith(t, t.TempDir(), crypto.NewKey(), sqlite.Config{Trail: storetest.KeepEntries})
	storetest.Record(t, s, 600)
	storetest.Record(t, s, 5)
	for _, before := range []uint64{1, 2, 100, 256, 257, 258, 513, 600, 601, 604, 606, 1000} {
		seq := min(before, 606) - 1
		for e, err := range s.Entries(t.Context(), myvault.TrailFilter{Before: myvault.Cursor{myvault.ChainChanges: 0, myvault.ChainAccess: before}}) {
			is.NoErr(err)
			is.Equal(e.Seq, seq)
			is.Equal(len(e.Prev), 32)
			seq--
		}
		is.Equal(seq, uint64(0))
	}
	var seqs []uint64
	for e, err := range s.Entries(t.Context(), myvault.TrailFilter{Since: storetest.At.Add(254 * time.Minute), Until: storetest.At.Add(258 * time.Minute)}) {
		is.NoErr(err)
		seqs = append(seqs, e.Seq)
	}
	is.Equal(seqs, []uint64{258, 257, 256, 255}) // across two rows
}

// TestPruneWithinBatch checks that a batch can be pruned at any of its entries.
func TestPruneWithinBatch(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.OpenWith(t, dir, key, sqlite.Config{Trail: storetest.KeepEntries})
	storetest.Record(t, s, 300)
	heads, err := s.Heads(t.Context())
	is.NoErr(err)
	for _, upTo := range []uint64{1, 2, 100, 255, 256, 257, 299} {
		n, err := s.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: upTo}, nil)
		is.NoErr(err)
		is.True(n > 0)
		is.Equal(storetest.Sequences(t, s)[0], upTo+1)
		report, err := s.Verify(t.Context(), heads...)
		is.NoErr(err)
		is.True(report.TruncationChecked)
		is.Equal(report.Pruned, upTo)
	}
	storetest.Record(t, storetest.OpenWith(t, dir, key, sqlite.Config{Trail: storetest.KeepEntries}), 1)
	_, err = s.Verify(t.Context(), heads...)
	is.NoErr(err)
}

// TestFailedRequestWithinBatch checks that a failed request leaves no entry, before and after a
// row was written, and that the other requests of its batch succeed.
func TestFailedRequestWithinBatch(t *testing.T) {
	for name, many := range map[string]int{"before a row is full": 1, "after one was written": 300} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir, key := t.TempDir(), crypto.NewKey()
			s := storetest.OpenWith(t, dir, key, sqlite.Config{Trail: storetest.KeepEntries})
			storetest.Record(t, s, 256) // the memory of a whole row is used again
			named := func(service string, n int) (all []myvault.Entry) {
				for range n {
					all = append(all, myvault.Entry{Service: service, Action: "read", At: storetest.At})
				}
				return all
			}
			var writes []func()
			var errs [5]error
			for n, list := range [][]myvault.Entry{named("a", 2), named("lost", many), named("b", many), named("lost", 1), named("c", 1)} {
				writes = append(writes, func() {
					errs[n] = storetest.RoomsOf(s).Trail.RecordUnless(t.Context(), list[0].Service == "lost", list...)
				})
			}
			storetest.OneTransaction(t.Context(), storetest.RoomsOf(s).Trail.File.Writer, writes...)
			for n, err := range errs {
				is.Equal(err != nil, n == 1 || n == 3)
			}
			storetest.Record(t, storetest.OpenWith(t, dir, key, sqlite.Config{Trail: storetest.KeepEntries}), 1)
			report, err := s.Verify(t.Context())
			is.NoErr(err)
			is.Equal(report.Accesses, uint64(256+2+many+1+1))
			for range s.Entries(t.Context(), myvault.TrailFilter{Service: "lost"}) {
				t.Error("an entry of a request that failed")
			}
		})
	}
}

// TestPruneInOneCommitWithEntries checks that a prune also removes entries committed with it.
func TestPruneInOneCommitWithEntries(t *testing.T) {
	is := is.New(t)
	s := storetest.OpenWith(t, t.TempDir(), crypto.NewKey(), sqlite.Config{Trail: storetest.KeepEntries})
	var pruned uint64
	var failed error
	storetest.OneTransaction(t.Context(), storetest.RoomsOf(s).Trail.File.Writer, func() { storetest.Record(t, s, 5) }, func() {
		pruned, failed = s.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: 5}, nil)
	})
	is.NoErr(failed)
	is.Equal(pruned, uint64(5))
	_, err := s.Verify(t.Context())
	is.NoErr(err)
}

// TestPlantedBatches checks that planted rows never list an entry twice, even if a filter skips
// the entry whose MAC is wrong.
func TestPlantedBatches(t *testing.T) {
	again := func(from, to uint64) func(storetest.Raw) {
		return func(r storetest.Raw) {
			r.Exec(fmt.Sprintf(`UPDATE batch SET body = x'%x' WHERE seq = %d`, storetest.Pack(r.Accesses()[from-1:to]), from))
		}
	}
	for name, c := range map[string]struct {
		plant   func(r storetest.Raw)
		seq     uint64 // of the entry listed
		noticed bool
	}{
		"a row before all":            {func(r storetest.Raw) { r.Exec(`DELETE FROM batch WHERE seq > 1; UPDATE batch SET seq = -5`) }, 1, true},
		"an entry twice in a page":    {again(200, 202), 202, true},
		"an entry twice in two pages": {again(44, 46), 46, true}, // the first page ends with 45
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir, key := t.TempDir(), crypto.NewKey()
			s := storetest.OpenWith(t, dir, key, sqlite.Config{Trail: storetest.KeepEntries})
			for n := range 300 {
				is.NoErr(s.Record(t.Context(), myvault.Entry{Service: fmt.Sprint("svc", n+1), Action: "read", At: storetest.At}))
			}
			c.plant(storetest.OpenRaw(t, dir, "access.db"))
			var seqs []uint64
			var failed error
			for e, err := range s.Entries(t.Context(), myvault.TrailFilter{Service: fmt.Sprint("svc", c.seq)}) {
				if failed = err; err == nil {
					seqs = append(seqs, e.Seq)
				}
			}
			if c.seq > 1 {
				is.Equal(seqs, []uint64{c.seq})
			}
			is.Equal(errors.Is(failed, myvault.ErrTampered), c.noticed)
			_, err := s.Verify(t.Context())
			is.True(errors.Is(err, myvault.ErrTampered))
		})
	}
}

// knownBatch is the second of bodies: format and count, then one line for each entry.
const knownBatch = "010003" +
	"3cc300064bf535af107b00000000000000030003737663000668656164657200047265616400017000016100026f6b0707070707070707070707070707070707070707070707070707070707070707" +
	"10000001620808080808080808080808080808080808080808080808080808080808080808" +
	"3fff00064bf535be52bb0000000000000000000000000000000900064bf535af107b00064bf535cd94fb00000000000000050000000000017200093139322e302e322e3100000000000000000909090909090909090909090909090909090909090909090909090909090909"

// FuzzBatch checks that every accepted body of a batch is encoded as it was read.
func FuzzBatch(f *testing.F) {
	for _, body := range bodies() {
		f.Add(body, uint64(1))
	}
	f.Fuzz(func(t *testing.T, body []byte, first uint64) {
		entries, err := storetest.Unpack(body, first)
		if whole := len(body) > 0 && bytes.Equal(storetest.Pack(entries), body); (err == nil) != whole {
			t.Fatalf("%d entries, %v", len(entries), err)
		}
		var bad *sqlite.BadEntry
		if err != nil && (!errors.As(err, &bad) || bad.Seq != first+uint64(len(entries))) {
			t.Fatal(err)
		}
	})
}
