package ledger

import (
	"encoding/binary"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/encode"
)

// The limits of the texts of an entry, in bytes. Valid addresses and prefixes are shorter than
// MaxProject and MaxPath.
const (
	MaxField   = 128
	MaxProject = 256
	MaxPath    = 2048
)

// labelChain starts the canonical encoding of an entry. The name of the chain follows it.
const labelChain = "myvault/v1/chain/"

// Normalize returns e as it is stored: texts are sanitized and cut to their limits, times are in
// whole microseconds, and empty fields have their defaults.
func Normalize(e myvault.Entry, chain string) myvault.Entry {
	e.Chain = chain
	for _, field := range []*string{&e.Service, &e.Via, &e.Request, &e.Remote, &e.Action} {
		*field = Sanitize(*field, MaxField)
	}
	e.Outcome = myvault.Outcome(Sanitize(string(e.Outcome), MaxField))
	e.Address.Project = Sanitize(e.Address.Project, MaxProject)
	e.Address.Path = Sanitize(e.Address.Path, MaxPath)
	if e.At.IsZero() {
		e.At = time.Now()
	}
	e.At = StoredTime(e.At)
	if e.Outcome == "" {
		e.Outcome = myvault.OutcomeOK
	}
	e.Count = max(e.Count, 1)
	if e.First.IsZero() {
		e.First = e.At
	}
	if e.Last.IsZero() {
		e.Last = e.At
	}
	e.First, e.Last = StoredTime(e.First), StoredTime(e.Last)
	e.Prev, e.MAC = nil, nil
	return e
}

// Sanitize cuts s to limit bytes at a rune boundary. It replaces invalid UTF-8 by U+FFFD and
// control characters by question marks.
func Sanitize(s string, limit int) string {
	printable := true // in ASCII, as nearly all fields are
	for i := range len(s) {
		printable = printable && s[i] >= ' ' && s[i] <= '~'
	}
	if printable {
		return s[:min(len(s), limit)]
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > limit {
		cut := limit
		for !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut]
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, s)
}

// StoredTime returns t as it is stored: UTC, in whole microseconds.
func StoredTime(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// StoredOptional is StoredTime, except that the zero time, which means none, stays zero.
func StoredOptional(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return StoredTime(t)
}

// Canonical encodes the fields that the MAC of an entry covers. A change appends its own; see
// [LogRow.Canonical]. docs/format.md describes the encoding.
func Canonical(vault []byte, e *myvault.Entry) *cryptobyte.Builder {
	b := cryptobyte.NewBuilder(make([]byte, 0, 512))
	encode.Str8(b, []byte(labelChain+e.Chain))
	encode.Str8(b, vault)
	b.AddUint64(e.Seq)
	encode.Time(b, e.At)
	for _, field := range []string{e.Service, e.Via, e.Request, e.Remote, e.Action, e.Address.Project, e.Address.Path} {
		encode.Str16(b, field)
	}
	b.AddUint64(uint64(e.Version))
	encode.Str16(b, string(e.Outcome))
	b.AddUint64(e.Count)
	encode.Time(b, e.First)
	encode.Time(b, e.Last)
	b.AddUint64(e.Seen)
	return b
}

// SetSeq writes e.Seq into the result of Canonical, so that an entry can be encoded before its
// sequence is known.
func SetSeq(encoded, vault []byte, e *myvault.Entry) {
	binary.BigEndian.PutUint64(encoded[1+len(labelChain)+len(e.Chain)+1+len(vault):], e.Seq)
}
