package access

import (
	"encoding/binary"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
)

// The body of a row of the table batch, as docs/format.md describes it.
const (
	packedFormat = 1
	packedHeader = 3         // the format and the number of entries
	maxPacked    = 256       // entries of a row
	packedEnough = 32 << 10  // bytes from which on a row takes no more
	packedFlags  = 1<<14 - 1 // one for each number and each text
)

// Batch is a row of the table batch that is being made: entries that are committed together,
// each told by how it differs from the one before.
type Batch struct {
	first uint64 // the sequence of its first entry
	N     int
	body  []byte
	last  shape
}

// shape is an entry without its place in the chain, by its numbers and its texts.
type shape struct {
	numbers [6]uint64
	texts   [8]string
}

// shapeOf gives the parts of e in the order in which they are encoded.
func shapeOf(e *myvault.Entry) shape {
	return shape{
		numbers: [6]uint64{uint64(e.At.UnixMicro()), uint64(e.Version), e.Count, uint64(e.First.UnixMicro()), uint64(e.Last.UnixMicro()), e.Seen},
		texts:   [8]string{e.Service, e.Via, e.Request, e.Remote, e.Action, e.Address.Project, e.Address.Path, string(e.Outcome)},
	}
}

// textLimits are the limits of the texts of a shape.
var textLimits = [8]int{ledger.MaxField, ledger.MaxField, ledger.MaxField, ledger.MaxField, ledger.MaxField, ledger.MaxProject, ledger.MaxPath, ledger.MaxField}

// The numbers of a shape that others are compared with.
const (
	numberAt    = 0
	numberCount = 2
	numberFirst = 3
	numberLast  = 4
)

// expected gives the numbers of the entry after s, made at that time, where nothing is said: its
// first and last times are its own, and all else is as in s.
func (s *shape) expected(at uint64) [6]uint64 {
	numbers := s.numbers
	numbers[numberFirst], numbers[numberLast] = at, at
	return numbers
}

// firstShape is what the first entry of a row is compared with.
func firstShape() (s shape) {
	s.numbers[numberCount] = 1
	return s
}

func (p *Batch) full() bool { return p.N == maxPacked || len(p.body) >= packedEnough }

// Add appends an entry that follows the last one, with its MAC.
func (p *Batch) Add(e *myvault.Entry, mac []byte) {
	if p.N == 0 {
		p.first, p.last = e.Seq, firstShape()
		p.body = append(p.body[:0], packedFormat, 0, 0)
	}
	s := shapeOf(e)
	place, flags := len(p.body), uint16(0)
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
	binary.BigEndian.PutUint16(p.body[place:], flags)
	p.body = append(p.body, mac...)
	p.last = s
	p.N++
}

// Encode gives the body. The number of entries is written here, since add is undone by going back to an earlier p, which has
// its bytes in the same memory.
func (p *Batch) Encode() []byte {
	binary.BigEndian.PutUint16(p.body[1:], uint16(p.N))
	return p.body
}

// UnpackEntries reads the body of a row whose first entry has that sequence. Nothing but what add
// makes is taken; a [*BadEntry] names what is not that. MACs are pieces of body, and the first entry has no Prev.
func UnpackEntries(body []byte, first uint64) (entries []myvault.Entry, err error) {
	bad := func() error {
		return &fault.BadEntry{Chain: myvault.ChainAccess, Seq: first + uint64(len(entries)), Reason: "it cannot be read"}
	}
	rest := cryptobyte.String(body)
	var format uint8
	var n uint16
	if !rest.ReadUint8(&format) || format != packedFormat || !rest.ReadUint16(&n) || n == 0 || n > maxPacked {
		return nil, bad()
	}
	entries = make([]myvault.Entry, 0, min(int(n), len(rest)/crypto.MACSize))
	s := firstShape()
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

// next reads the entry after s into s, and gives its MAC.
func (s *shape) next(rest *cryptobyte.String) (mac []byte, ok bool) {
	var flags uint16
	if !rest.ReadUint16(&flags) || flags&^packedFlags != 0 {
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

// entry gives the entry of that shape.
func (s *shape) entry(seq uint64, prev, mac []byte) myvault.Entry {
	timeOf := func(n int) time.Time { return time.UnixMicro(int64(s.numbers[n])).UTC() }
	return myvault.Entry{
		Chain: myvault.ChainAccess, Seq: seq, At: timeOf(numberAt),
		Service: s.texts[0], Via: s.texts[1], Request: s.texts[2], Remote: s.texts[3], Action: s.texts[4],
		Address: myvault.Address{Project: s.texts[5], Path: s.texts[6]},
		Version: myvault.Version(s.numbers[1]), Outcome: myvault.Outcome(s.texts[7]), Count: s.numbers[numberCount],
		First: timeOf(numberFirst), Last: timeOf(numberLast), Seen: s.numbers[5], Prev: prev, MAC: mac,
	}
}
