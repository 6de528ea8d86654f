package sqlite

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
	maxField   = 128
	maxProject = 256
	maxPath    = 2048
)

// labelChain starts the canonical encoding of an entry, before the name of its chain.
const labelChain = "myvault/v1/chain/"

// normal gives e as it is stored: bounded, nothing that cannot be shown, times in whole
// microseconds, and what was left out filled in.
func normal(e myvault.Entry, chain string) myvault.Entry {
	e.Chain = chain
	for _, field := range []*string{&e.Service, &e.Via, &e.Request, &e.Remote, &e.Action} {
		*field = bounded(*field, maxField)
	}
	e.Outcome = myvault.Outcome(bounded(string(e.Outcome), maxField))
	e.Address.Project = bounded(e.Address.Project, maxProject)
	e.Address.Path = bounded(e.Address.Path, maxPath)
	if e.At.IsZero() {
		e.At = time.Now()
	}
	e.At = instant(e.At)
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
	e.First, e.Last = instant(e.First), instant(e.Last)
	e.Prev, e.MAC = nil, nil
	return e
}

// bounded cuts s at a rune's boundary and replaces what cannot be shown.
func bounded(s string, limit int) string {
	if plain(s) {
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

// plain reports whether s has only printable ASCII, as nearly all fields have.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// instant gives t as it is stored: UTC, in whole microseconds.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// canonical encodes what the MAC of an entry covers; a change adds its own fields.
// docs/format.md describes it.
func canonical(vault []byte, e *myvault.Entry) *cryptobyte.Builder {
	b := cryptobyte.NewBuilder(make([]byte, 0, 512))
	encode.Short(b, []byte(labelChain+e.Chain))
	encode.Short(b, vault)
	b.AddUint64(e.Seq)
	encode.Time(b, e.At)
	for _, field := range []string{e.Service, e.Via, e.Request, e.Remote, e.Action, e.Address.Project, e.Address.Path} {
		encode.Text(b, field)
	}
	b.AddUint64(uint64(e.Version))
	encode.Text(b, string(e.Outcome))
	b.AddUint64(e.Count)
	encode.Time(b, e.First)
	encode.Time(b, e.Last)
	b.AddUint64(e.Seen)
	return b
}

// setSeq puts the sequence into an encoding that was made without one.
func setSeq(encoded, vault []byte, e *myvault.Entry) {
	binary.BigEndian.PutUint64(encoded[1+len(labelChain)+len(e.Chain)+1+len(vault):], e.Seq)
}
