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

// The limits of what an entry holds, in bytes. Those of an address are above what a valid
// one or a prefix can have.
const (
	MaxField   = 128
	MaxProject = 256
	MaxPath    = 2048
)

// labelChain starts the canonical encoding of an entry, before the name of its chain.
const labelChain = "myvault/v1/chain/"

// Normalize gives e as it is stored: bounded, nothing that cannot be shown, times in whole
// microseconds, and what was left out filled in.
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

// Sanitize cuts s at a rune's boundary and replaces what cannot be shown.
func Sanitize(s string, limit int) string {
	if isPrintable(s) {
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

// isPrintable reports whether s has only printable ASCII, as nearly all fields have.
func isPrintable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// StoredTime gives t as it is stored: UTC, in whole microseconds.
func StoredTime(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Canonical encodes what the MAC of an entry covers; a change adds its own fields.
// docs/format.md describes it.
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

// SetSeq puts the sequence into an encoding that was made without one.
func SetSeq(encoded, vault []byte, e *myvault.Entry) {
	binary.BigEndian.PutUint64(encoded[1+len(labelChain)+len(e.Chain)+1+len(vault):], e.Seq)
}
