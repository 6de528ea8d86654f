package sqlite_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// entriesOf returns entry(n) of docs/format.md for each entry of a batch, and its MAC.
func (r *reader) entriesOf(seq uint64, body []byte) (entries, macs [][]byte) {
	count := binary.BigEndian.Uint16(body[1:])
	if body[0] != 1 {
		r.t.Fatal("the format is another one")
	}
	body = body[3:]
	numbers, texts := [6]uint64{2: 1}, [8]string{}
	for n := range uint64(count) {
		differs := binary.BigEndian.Uint16(body)
		body = body[2:]
		for i := range numbers {
			if i == 3 || i == 4 { // the first and the last time
				numbers[i] = numbers[0]
			}
			if differs>>i&1 == 1 {
				numbers[i], body = binary.BigEndian.Uint64(body), body[8:]
			}
		}
		for i := range texts {
			if differs>>(6+i)&1 == 1 {
				end := 2 + int(binary.BigEndian.Uint16(body))
				texts[i], body = string(body[2:end]), body[end:]
			}
		}
		e := slices.Concat(u64(seq+n), u64(numbers[0]))
		for _, text := range texts[:7] {
			e = append(e, str16(text)...)
		}
		entries = append(entries, slices.Concat(e, u64(numbers[1]), str16(texts[7]), u64(numbers[2]), u64(numbers[3]), u64(numbers[4]), u64(numbers[5])))
		macs, body = append(macs, body[:32]), body[32:]
	}
	if len(body) > 0 {
		r.t.Fatal("something is left")
	}
	return entries, macs
}

func TestAccessesMatchFormat(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	dir := fullStore(t, key)
	recorded(t, openWith(t, dir, key, sqlite.Config{Trail: keepEntries}), 600) // of more than one row
	r := readerOf(t, dir, "access.db", key)
	previous, seq, rows := make([]byte, 32), uint64(0), 0
	r.rows(`SELECT seq, body FROM batch ORDER BY seq`, func(row row) {
		rows++
		is.Equal(row.ColumnInt64(0), int64(seq+1))
		entries, macs := r.entriesOf(seq+1, row.blob(1))
		for i, e := range entries {
			previous = mac(r.trail, previous, str8("myvault/v1/chain/access"), str8(string(r.vault)), e)
			is.Equal(previous, macs[i])
		}
		seq += uint64(len(entries))
	})
	is.Equal(seq, uint64(602))
	is.Equal(rows, 4) // the entries of everyColumn are one row; the others are in rows of 256
}

// bodies returns examples of batches that this program writes.
func bodies() [][]byte {
	usual := myvault.Entry{
		Seq: 1, At: at, First: at, Last: at, Count: 1, Service: "svc", Via: "header", Action: "read", Outcome: "ok",
		Address: addr("p/a"), Version: 3, MAC: bytes.Repeat([]byte{7}, 32),
	}
	next := usual
	next.Seq, next.Address.Path, next.MAC = 2, "b", bytes.Repeat([]byte{8}, 32)
	other := myvault.Entry{Seq: 3, At: at.Add(time.Second), First: at, Last: at.Add(2 * time.Second), Count: 9, Seen: 5,
		Request: "r", Remote: "192.0.2.1", MAC: bytes.Repeat([]byte{9}, 32)}
	return [][]byte{sqlite.Pack([]myvault.Entry{usual}), sqlite.Pack([]myvault.Entry{usual, next, other}), sqlite.Pack([]myvault.Entry{other})}
}

// TestBatchEncoding compares the bytes of a batch with the example in docs/format.md.
func TestBatchEncoding(t *testing.T) {
	is := is.New(t)
	body := bodies()[1]
	is.Equal(fmt.Sprintf("%x", body), knownBatch)
	entries, err := sqlite.Unpack(body, 1)
	is.NoErr(err)
	is.Equal(len(entries), 3)
	is.Equal(entries[1].Address, addr("p/b"))
	is.Equal(entries[1].At, at.UTC())
	is.Equal(entries[2].Service, "")
	is.Equal(entries[2].Last, at.Add(2*time.Second).UTC())
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
		"a redundant number": {slices.Concat([]byte{1, 0, 1, 0, 4}, u64(1), make([]byte, 32)), 7}, // count
		"a redundant time":   {slices.Concat([]byte{1, 0, 1, 0, 1}, u64(0), make([]byte, 32)), 7},
		"a redundant text":   {slices.Concat([]byte{1, 0, 1, 0, 0x40}, str16(""), make([]byte, 32)), 7},
		"a text too long":    {slices.Concat([]byte{1, 0, 1, 0, 0x40}, str16(string(make([]byte, 129))), make([]byte, 32)), 7},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			_, err := sqlite.Unpack(c.body, 7)
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
	s := openWith(t, dir, key, sqlite.Config{Trail: keepEntries})
	recorded(t, s, 700)
	recorded(t, s, 1)
	long := make([]myvault.Entry, 30)
	for i := range long {
		long[i] = myvault.Entry{At: at, Action: "read", Address: myvault.Address{Project: "p", Path: fmt.Sprintf("%d%02000d", i, 0)}}
	}
	is.NoErr(s.Record(t.Context(), long...))
	r := rawOpen(t, dir, "access.db")
	var keys []string
	for _, key := range r.blobs(`SELECT seq FROM batch ORDER BY seq`) {
		keys = append(keys, string(key))
	}
	is.Equal(keys, []string{"1", "257", "513", "701", "702", "719"}) // a row also ends at 32 KiB
	_, err := s.Verify(t.Context())
	is.NoErr(err)
}

// TestEntriesFromWithinBatch checks that a listing can start at any entry of a row.
func TestEntriesFromWithinBatch(t *testing.T) {
	is := is.New(t)
	s := openWith(t, t.TempDir(), crypto.NewKey(), sqlite.Config{Trail: keepEntries})
	recorded(t, s, 600)
	recorded(t, s, 5)
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
	for e, err := range s.Entries(t.Context(), myvault.TrailFilter{Since: at.Add(254 * time.Minute), Until: at.Add(258 * time.Minute)}) {
		is.NoErr(err)
		seqs = append(seqs, e.Seq)
	}
	is.Equal(seqs, []uint64{258, 257, 256, 255}) // across two rows
}

// TestPruneWithinBatch checks that a batch can be pruned at any of its entries.
func TestPruneWithinBatch(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := openWith(t, dir, key, sqlite.Config{Trail: keepEntries})
	recorded(t, s, 300)
	heads, err := s.Heads(t.Context())
	is.NoErr(err)
	for _, upTo := range []uint64{1, 2, 100, 255, 256, 257, 299} {
		n, err := s.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: upTo}, nil)
		is.NoErr(err)
		is.True(n > 0)
		is.Equal(sequences(t, s)[0], upTo+1)
		report, err := s.Verify(t.Context(), heads...)
		is.NoErr(err)
		is.True(report.TruncationChecked)
		is.Equal(report.Pruned, upTo)
	}
	recorded(t, openWith(t, dir, key, sqlite.Config{Trail: keepEntries}), 1)
	_, err = s.Verify(t.Context(), heads...)
	is.NoErr(err)
}

// TestVerifyDuringPrune checks that Verify continues after entries that it has verified are
// pruned, up to the end of a batch or within one.
func TestVerifyDuringPrune(t *testing.T) {
	for _, upTo := range []uint64{100, 2549, 2550, 2551, 2555, 2559, 2560, 2561, 2700} {
		t.Run(fmt.Sprint(upTo), func(t *testing.T) {
			is := is.New(t)
			s := openWith(t, t.TempDir(), crypto.NewKey(), sqlite.Config{Trail: keepEntries})
			for range 300 {
				recorded(t, s, 10)
			}
			begun := false
			proved, steps, err := s.VerifyAccesses(t.Context(), func() {
				if begun {
					return
				}
				begun = true // 256 rows, which are 2,560 entries
				_, err := s.PruneAccess(t.Context(), sqlite.AccessLimit{UpTo: upTo}, nil)
				is.NoErr(err)
			})
			is.NoErr(err)
			is.Equal(steps, 3)                              // the last one finds nothing
			is.Equal(proved, 3000+2-(max(upTo, 2560)-2560)) // with the two of the pruning
		})
	}
}

// TestFailedRequestWithinBatch checks that a failed request leaves no entry, before and after a
// row was written, and that the other requests of its batch succeed.
func TestFailedRequestWithinBatch(t *testing.T) {
	for name, many := range map[string]int{"before a row is full": 1, "after one was written": 300} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir, key := t.TempDir(), crypto.NewKey()
			s := openWith(t, dir, key, sqlite.Config{Trail: keepEntries})
			recorded(t, s, 256) // the memory of a whole row is used again
			named := func(service string, n int) (all []myvault.Entry) {
				for range n {
					all = append(all, myvault.Entry{Service: service, Action: "read", At: at})
				}
				return all
			}
			var writes []func()
			var errs [5]error
			for n, list := range [][]myvault.Entry{named("a", 2), named("lost", many), named("b", many), named("lost", 1), named("c", 1)} {
				writes = append(writes, func() { errs[n] = s.RecordUnless(t.Context(), list[0].Service == "lost", list...) })
			}
			s.Together(t.Context(), writes...)
			for n, err := range errs {
				is.Equal(err != nil, n == 1 || n == 3)
			}
			recorded(t, openWith(t, dir, key, sqlite.Config{Trail: keepEntries}), 1)
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
	s := openWith(t, t.TempDir(), crypto.NewKey(), sqlite.Config{Trail: keepEntries})
	var pruned uint64
	var failed error
	s.Together(t.Context(), func() { recorded(t, s, 5) }, func() {
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
	again := func(from, to uint64) func(raw) {
		return func(r raw) {
			r.exec(fmt.Sprintf(`UPDATE batch SET body = x'%x' WHERE seq = %d`, sqlite.Pack(r.accesses()[from-1:to]), from))
		}
	}
	for name, c := range map[string]struct {
		plant   func(r raw)
		seq     uint64 // of the entry listed
		noticed bool
	}{
		"a row before all":            {func(r raw) { r.exec(`DELETE FROM batch WHERE seq > 1; UPDATE batch SET seq = -5`) }, 1, true},
		"an entry twice in a page":    {again(200, 202), 202, true},
		"an entry twice in two pages": {again(44, 46), 46, true}, // the first page ends with 45
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir, key := t.TempDir(), crypto.NewKey()
			s := openWith(t, dir, key, sqlite.Config{Trail: keepEntries})
			for n := range 300 {
				is.NoErr(s.Record(t.Context(), myvault.Entry{Service: fmt.Sprint("svc", n+1), Action: "read", At: at}))
			}
			c.plant(rawOpen(t, dir, "access.db"))
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
