package access

import (
	"encoding/binary"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
)

// docs/format.md describes the body of a row of the table batch.
const (
	batchFormat = 1
	maxEntries  = 256       // in a row
	fullSize    = 32 << 10  // a body of this many bytes is full
	knownFlags  = 1<<14 - 1 // one for each number and each text
)

// Batch builds a row of the table batch: entries that are committed together. Each is encoded as
// its differences from the entry before.
type Batch struct {
	first uint64 // the sequence of its first entry
	N     int    // number of entries
	body  []byte
	last  entryFields
}

// entryFields has the fields of an entry except its chain, its sequence and its MACs.
type entryFields struct {
	numbers [6]uint64
	texts   [8]string
}

// fieldsOf returns the fields of e in the order of their encoding.
func fieldsOf(e *myvault.Entry) entryFields {
	return entryFields{
		numbers: [6]uint64{
			uint64(e.At.UnixMicro()), uint64(e.Version), e.Count, uint64(e.First.UnixMicro()), uint64(e.Last.UnixMicro()), e.Seen,
		},
		texts: [8]string{
			e.Service, e.Via, e.Request, e.Remote, e.Action, e.Address.Project, e.Address.Path, string(e.Outcome),
		},
	}
}

// textLimits are the limits of the texts, in bytes.
var textLimits = [8]int{
	ledger.MaxField, ledger.MaxField, ledger.MaxField, ledger.MaxField, ledger.MaxField,
	ledger.MaxProject, ledger.MaxPath, ledger.MaxField,
}

// Indexes of numbers.
const (
	numberAt    = 0
	numberCount = 2
	numberFirst = 3
	numberLast  = 4
)

// expected returns the numbers that need no encoding in the entry after s, made at that time: First
// and Last equal at, and the others are those of s.
func (s *entryFields) expected(at uint64) [6]uint64 {
	numbers := s.numbers
	numbers[numberFirst], numbers[numberLast] = at, at
	return numbers
}

// initialFields are the fields that the first entry of a row is compared with.
var initialFields = entryFields{numbers: [6]uint64{numberCount: 1}}

// Add appends e, the entry after the last one, and its MAC.
func (p *Batch) Add(e *myvault.Entry, mac []byte) {
	if p.N == 0 {
		p.first, p.last = e.Seq, initialFields
		p.body = append(make([]byte, 0, 512), batchFormat, 0, 0)
	}
	s := fieldsOf(e)
	flagsAt, flags := len(p.body), uint16(0)
	p.body = append(p.body, 0, 0)
	for i, usual := range p.last.expected(s.numbers[numberAt]) {
		if s.numbers[i] != usual {
			flags |= 1 << i
			p.body = binary.BigEndian.AppendUint64(p.body, s.numbers[i])
		}
	}
	for i, text := range s.texts {
		if text != p.last.texts[i] {
			flags |= 1 << (len(s.numbers) + i)
			p.body = binary.BigEndian.AppendUint16(p.body, uint16(len(text)))
			p.body = append(p.body, text...)
		}
	}
	binary.BigEndian.PutUint16(p.body[flagsAt:], flags)
	p.body = append(p.body, mac...)
	p.last = s
	p.N++
}

// Encode returns the body. Only here is the number of entries written: Trail.restore undoes Add by
// restoring an earlier copy of p, whose body is in the same memory.
func (p *Batch) Encode() []byte {
	binary.BigEndian.PutUint16(p.body[1:], uint16(p.N))
	return p.body
}

func (p *Batch) insert(c *db.Conn) error {
	return c.Write(`INSERT INTO batch(seq, body) VALUES(?1, ?2)`, func(b *db.Binder) {
		b.Int(int64(p.first))
		b.Blob(p.Encode())
	})
}

// DecodeBatch decodes the body of a row whose first entry has sequence first. It accepts only the
// encoding that Add produces, and returns a [*fault.BadEntry] for the first entry that differs. The
// MACs of entries alias body, and the first entry has no Prev.
func DecodeBatch(body []byte, first uint64) (entries []myvault.Entry, err error) {
	bad := func() error {
		return &fault.BadEntry{Chain: myvault.ChainAccess, Seq: first + uint64(len(entries)), Reason: "it cannot be decoded"}
	}
	rest := cryptobyte.String(body)
	var format uint8
	var n uint16
	if !rest.ReadUint8(&format) || format != batchFormat || !rest.ReadUint16(&n) || n == 0 || n > maxEntries {
		return nil, bad()
	}
	entries = make([]myvault.Entry, 0, min(int(n), len(rest)/crypto.MACSize))
	s := initialFields
	var before []byte
	for range n {
		mac, ok := s.next(&rest)
		if !ok {
			return entries, bad()
		}
		entries = append(entries, s.entry(first+uint64(len(entries)), before, mac))
		before = mac
	}
	if !rest.Empty() {
		return entries, bad()
	}
	return entries, nil
}

// next reads the entry after s into s and returns its MAC.
func (s *entryFields) next(rest *cryptobyte.String) (mac []byte, ok bool) {
	var flags uint16
	if !rest.ReadUint16(&flags) || flags&^knownFlags != 0 {
		return nil, false
	}
	at := s.numbers[numberAt]
	if flags&1 != 0 && (!rest.ReadUint64(&at) || at == s.numbers[numberAt]) {
		return nil, false
	}
	usual := s.expected(at)
	usual[numberAt] = at
	for i := range s.numbers {
		s.numbers[i] = usual[i]
		if i != numberAt && flags>>i&1 != 0 && (!rest.ReadUint64(&s.numbers[i]) || s.numbers[i] == usual[i]) {
			return nil, false
		}
	}
	for i := range s.texts {
		if flags>>(len(s.numbers)+i)&1 == 0 {
			continue
		}
		var text cryptobyte.String
		if !rest.ReadUint16LengthPrefixed(&text) || len(text) > textLimits[i] || string(text) == s.texts[i] {
			return nil, false
		}
		s.texts[i] = string(text)
	}
	return mac, rest.ReadBytes(&mac, crypto.MACSize)
}

// entry returns the entry with the fields s.
func (s *entryFields) entry(seq uint64, prev, mac []byte) myvault.Entry {
	timeOf := func(n int) time.Time { return time.UnixMicro(int64(s.numbers[n])).UTC() }
	return myvault.Entry{
		Chain: myvault.ChainAccess, Seq: seq, At: timeOf(numberAt),
		Service: s.texts[0], Via: s.texts[1], Request: s.texts[2], Remote: s.texts[3], Action: s.texts[4],
		Address: myvault.Address{Project: s.texts[5], Path: s.texts[6]},
		Version: myvault.Version(s.numbers[1]), Outcome: myvault.Outcome(s.texts[7]), Count: s.numbers[numberCount],
		First: timeOf(numberFirst), Last: timeOf(numberLast), Seen: s.numbers[5], Prev: prev, MAC: mac,
	}
}
