package format_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"
	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// The code below reads a store by docs/format.md alone, with SQLite and the standard library.

// reader is one file of a store.
type reader struct {
	storetest.Raw
	master, vault, trail []byte
}

func (r *reader) derive(secret []byte, info string) []byte {
	key, err := hkdf.Key(sha256.New, secret, r.vault, info, 32)
	if err != nil {
		r.T.Fatal(err)
	}
	return key
}

// gcm opens IV | ciphertext | tag.
func (r *reader) gcm(key, sealed, additional []byte) []byte {
	r.T.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		r.T.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		r.T.Fatal(err)
	}
	plain, err := aead.Open(nil, sealed[:12], sealed[12:], additional)
	if err != nil {
		r.T.Fatal(err)
	}
	return plain
}

func (r *reader) unwrap(label string, epoch uint32, wrapped []byte) []byte {
	r.T.Helper()
	return r.gcm(r.derive(r.master, "myvault/v1/wrap"), wrapped,
		slices.Concat(str8("myvault/v1/wrap"), str8(label), str8(string(r.vault)), u32(epoch)))
}

func readerOf(t *testing.T, dir, file string, key crypto.Key) *reader {
	t.Helper()
	master, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key.Text(), "base64:"))
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{Raw: storetest.OpenRaw(t, dir, file), master: master}
	r.vault = r.Blobs(`SELECT value FROM meta WHERE name = 'vault'`)[0]
	r.trail = r.unwrap("trail", 0, r.Blobs(`SELECT value FROM meta WHERE name = 'trail'`)[0])
	return r
}

// rows calls f for each row of a query.
func (r *reader) rows(sql string, f func(row row)) {
	r.T.Helper()
	stmt, _, err := r.DB.Prepare(sql)
	if err != nil {
		r.T.Fatal(err)
	}
	defer stmt.Close()
	for stmt.Step() {
		f(row{stmt})
	}
	if err := stmt.Err(); err != nil {
		r.T.Fatal(err)
	}
}

type row struct{ *sqlite3.Stmt }

func (r row) blob(col int) []byte  { return r.ColumnBlob(col, nil) }
func (r row) num(col int) []byte   { return u64(uint64(r.ColumnInt64(col))) }
func (r row) text(col int) []byte  { return str16(r.ColumnText(col)) }
func (r row) small(col int) []byte { return []byte{byte(r.ColumnInt(col))} }
func (r row) isNull(col int) bool  { return r.ColumnType(col) == sqlite3.NULL }
func (r row) optional(c int) []byte { // a time that may be missing
	if r.isNull(c) {
		return []byte{0}
	}
	return append([]byte{1}, r.num(c)...)
}

// span encodes the columns from one to another, each as text or as a number.
func (r row) span(from, to int) (b []byte) {
	for c := from; c <= to; c++ {
		if r.ColumnType(c) == sqlite3.TEXT {
			b = append(b, r.text(c)...)
			continue
		}
		b = append(b, r.num(c)...)
	}
	return b
}

func str8(s string) []byte  { return append([]byte{byte(len(s))}, s...) }
func str16(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }
func u32(n uint32) []byte   { return binary.BigEndian.AppendUint32(nil, n) }
func u64(n uint64) []byte   { return binary.BigEndian.AppendUint64(nil, n) }

func hexOf(b []byte) string { return fmt.Sprintf("x'%x'", b) }

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(slices.Concat(parts...))
	return h.Sum(nil)
}

// fullStore returns a store in which every column of the format has a value somewhere.
func fullStore(t *testing.T, key crypto.Key) string {
	t.Helper()
	is := is.New(t)
	dir := t.TempDir()
	s := storetest.Open(t, dir, key)
	first := storetest.Put("p/a", "one")
	first.Expires, first.RotateAfter = storetest.At.Add(time.Hour), storetest.At.Add(time.Minute)
	about := myvault.Change{Op: myvault.OpPutProject, Project: myvault.Project{Name: "p", Description: "about p"}}
	given := myvault.Entry{
		At: storetest.At.Add(time.Second), Service: "ui", Via: "header", Request: "r", Remote: "192.0.2.1", Action: "other",
		Outcome: "begun", Count: 3, First: storetest.At.Add(-time.Minute), Last: storetest.At.Add(time.Minute), Seen: 9,
	}
	_, err := s.Apply(t.Context(), myvault.Commit{By: "author", At: storetest.At, Changes: []myvault.Change{first, about}, Entries: []myvault.Entry{given, given}})
	is.NoErr(err)
	_, err = storetest.Apply(s, storetest.Put("p/a", "two"), storetest.Put("p/a", "three"), storetest.On(myvault.OpDelete, "p/a"), storetest.On(myvault.OpUndelete, "p/a"),
		myvault.Change{Op: myvault.OpDefaultProject, Project: about.Project}, storetest.On(myvault.OpDestroy, "p/a", 2))
	is.NoErr(err)
	is.NoErr(s.Record(t.Context(), given, myvault.Entry{Action: "read", At: storetest.At}))
	return dir
}

func TestRecordsMatchFormat(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	r := readerOf(t, fullStore(t, key), "vault.db", key)
	is.Equal(r.derive(r.master, "myvault/v1/check"), r.Blobs(`SELECT value FROM meta WHERE name = 'check'`)[0])
	data := r.unwrap("data", 1, r.Blobs(`SELECT wrapped FROM epoch WHERE epoch = 1`)[0])
	var values []string
	r.rows(`SELECT project, path, version, sealed, digest FROM log WHERE sealed IS NOT NULL ORDER BY seq`, func(row row) {
		record := row.blob(3)
		digest := sha256.Sum256(record)
		is.Equal(digest[:], row.blob(4))
		is.Equal(record[:5], []byte{1, 0, 0, 0, 1})
		values = append(values, string(r.gcm(data, record[5:],
			slices.Concat(str8("myvault/v1/record"), []byte{1}, str8(string(r.vault)), row.text(0), row.text(1), row.num(2), u32(1)))))
	})
	is.Equal(values, []string{"one", "three"})
}

func TestChangesMatchFormat(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	r := readerOf(t, fullStore(t, key), "vault.db", key)
	names := `CASE op WHEN 1 THEN 'write' WHEN 2 THEN 'delete' WHEN 3 THEN 'undelete' WHEN 4 THEN 'destroy'
		WHEN 5 THEN 'project-write' WHEN 6 THEN 'project-default' END`
	entryAt := `coalesce(entry_at, at)`
	previous, rows := make([]byte, 32), 0
	r.rows(`SELECT seq, `+entryAt+`, coalesce(service, author), coalesce(via, ''), coalesce(request, ''),
		coalesce(remote, ''), coalesce(action, `+names+`), project, path, version, coalesce(outcome, 'ok'),
		coalesce(count, 1), coalesce(first, `+entryAt+`), coalesce(last, `+entryAt+`), coalesce(seen, 0),
		op, at, author, prev, coalesce(description, ''), expires, rotate_after, coalesce(length(destroyed), 0) / 16,
		destroyed, digest, mac FROM log ORDER BY seq`, func(row row) {
		rows++
		link := mac(r.trail, previous, str8("myvault/v1/chain/changes"), str8(string(r.vault)), row.span(0, 14),
			row.small(15), row.span(16, 19), row.optional(20), row.optional(21), u32(uint32(row.ColumnInt(22))),
			row.blob(23), str8(string(row.blob(24))))
		is.Equal(link, row.blob(25))
		previous = link
	})
	is.Equal(rows, 8)
}

func TestStampsMatchFormat(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	r := readerOf(t, fullStore(t, key), "vault.db", key)
	rowKey := r.derive(r.trail, "myvault/v1/row")
	rows := 0
	r.rows(`SELECT project, path, version, state, at, author, expires, rotate_after, seq, value_seq, mac FROM head`, func(row row) {
		rows++
		is.Equal(row.blob(10), mac(rowKey, str8("head"), str8(string(r.vault)), row.span(0, 2), row.small(3), row.span(4, 5),
			row.optional(6), row.optional(7), row.span(8, 9)))
	})
	r.rows(`SELECT name, description, is_default, at, author, mac FROM project`, func(row row) {
		rows++
		is.Equal(row.blob(5), mac(rowKey, str8("project"), str8(string(r.vault)), row.span(0, 1), row.small(2), row.span(3, 4)))
	})
	is.Equal(rows, 2)
	incarnation := r.Blobs(`SELECT value FROM meta WHERE name = 'incarnation'`)[0]
	is.True(bytes.Equal(incarnation[8:], mac(rowKey, str8("incarnation"), str8(string(r.vault)), str8(string(incarnation[:8])))))
}

// TestVerifyFindsForgeries checks that Verify finds rows that disagree with the log even if they
// were made with the key.
func TestVerifyFindsForgeries(t *testing.T) {
	for name, c := range map[string]struct {
		forge func(r *reader, rowKey []byte) (sql string)
		seq   uint64 // 0: the error names none
	}{
		"a head with another author":        {forgedHead(`author`, `'forger'`), 4},
		"a head at another history's row":   {forgedHead(`seq`, `2`), 2},
		"a head at a row that is not there": {forgedHead(`seq`, `99`), 99},
		"a project with another author": {func(r *reader, rowKey []byte) (sql string) {
			r.rows(`SELECT name, description, is_default, at, 'forger' FROM project`, func(row row) {
				rowMAC := mac(rowKey, str8("project"), str8(string(r.vault)), row.span(0, 1), row.small(2), row.span(3, 4))
				sql = `UPDATE project SET author = 'forger', mac = ` + hexOf(rowMAC)
			})
			return sql
		}, 0},
		"a record sealed again": {func(r *reader, _ []byte) string {
			data := r.unwrap("data", 1, r.Blobs(`SELECT wrapped FROM epoch WHERE epoch = 1`)[0])
			block, err := aes.NewCipher(data)
			if err != nil {
				r.T.Fatal(err)
			}
			aead, err := cipher.NewGCM(block)
			if err != nil {
				r.T.Fatal(err)
			}
			iv := make([]byte, 12)
			additional := slices.Concat(str8("myvault/v1/record"), []byte{1}, str8(string(r.vault)), str16("p"), str16("a"), u64(3), u32(1))
			record := slices.Concat([]byte{1}, u32(1), iv, aead.Seal(nil, iv, []byte("forged"), additional))
			return `UPDATE log SET sealed = ` + hexOf(record) + ` WHERE seq = 4`
		}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			key := crypto.NewKey()
			dir := fullStore(t, key)
			r := readerOf(t, dir, "vault.db", key)
			r.Exec(c.forge(r, r.derive(r.trail, "myvault/v1/row")))
			is.True(r.DB.Changes() == 1)
			_, err := storetest.Open(t, dir, key).Verify(t.Context())
			is.True(errors.Is(err, myvault.ErrTampered))
			var bad *sqlite.BadEntry
			if errors.As(err, &bad) {
				is.Equal(bad.Seq, c.seq)
			} else {
				is.Equal(c.seq, uint64(0))
			}
		})
	}
}

// forgedHead returns SQL that changes one column of the head and recomputes its row MAC.
func forgedHead(column, value string) func(r *reader, rowKey []byte) string {
	columns := []string{"project", "path", "version", "state", "at", "author", "expires", "rotate_after", "seq", "value_seq"}
	columns[slices.Index(columns, column)] = value
	return func(r *reader, rowKey []byte) (sql string) {
		r.rows(`SELECT `+strings.Join(columns, ", ")+` FROM head`, func(row row) {
			rowMAC := mac(rowKey, str8("head"), str8(string(r.vault)), row.span(0, 2), row.small(3), row.span(4, 5),
				row.optional(6), row.optional(7), row.span(8, 9))
			sql = `UPDATE head SET ` + column + ` = ` + value + `, mac = ` + hexOf(rowMAC)
		})
		return sql
	}
}

// TestDestroyOfForgedVersion checks that versions which a forged head counts, but the log does not
// have, cannot be destroyed.
func TestDestroyOfForgedVersion(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	dir := fullStore(t, key)
	r := readerOf(t, dir, "vault.db", key)
	r.Exec(forgedHead(`version`, `9`)(r, r.derive(r.trail, "myvault/v1/row")))
	s := storetest.Open(t, dir, key)
	_, err := storetest.Apply(s, storetest.On(myvault.OpDestroy, "p/a", 1, 8))
	is.True(errors.Is(err, myvault.ErrTampered))
	is.True(!strings.Contains(err.Error(), "p/a")) // an address
	_, err = s.Get(t.Context(), storetest.Addr("p/a"), 8)
	is.True(errors.Is(err, myvault.ErrTampered))
	is.True(!strings.Contains(err.Error(), "p/a"))
	secret, err := s.Get(t.Context(), storetest.Addr("p/a"), 1)
	is.NoErr(err) // nothing was destroyed
	is.Equal(secret.Value.Reveal(), "one")
}

// entriesOf returns entry(n) of docs/format.md for each entry of a batch, and its MAC.
func (r *reader) entriesOf(seq uint64, body []byte) (entries, macs [][]byte) {
	count := binary.BigEndian.Uint16(body[1:])
	if body[0] != 1 {
		r.T.Fatal("the format is another one")
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
		r.T.Fatal("something is left")
	}
	return entries, macs
}

func TestAccessesMatchFormat(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	dir := fullStore(t, key)
	storetest.Record(t, storetest.OpenWith(t, dir, key, sqlite.Config{Trail: storetest.KeepEntries}), 600) // of more than one row
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
