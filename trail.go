package myvault

import (
	"context"
	"iter"
	"time"
)

// Trail keeps the record of who did what. A [Provider] may be one: then the entry of a
// change is written in the change's own transaction. For a provider that is none, give
// [Config] one, or say [NoTrail].
type Trail interface {
	// Record appends entries that belong to no change of this provider, all or none,
	// and sets their sequence and MAC. When it returns nil they survive a crash of the process.
	Record(ctx context.Context, entries ...Entry) error

	// Entries yields the entries in the range, the newest first: each chain by falling
	// sequence, several chains merged by falling time.
	Entries(ctx context.Context, r TrailFilter) iter.Seq2[Entry, error]
}

// Auditor is a Trail whose entries are chained with a MAC, so that a change of an old
// entry shows.
type Auditor interface {
	Trail
	// Heads gives the newest link of each chain. Kept elsewhere, a head later
	// proves that the chain was not cut short.
	Heads(ctx context.Context) ([]Head, error)
}

// The names of the chains.
const (
	ChainChanges = "changes" // each change of secrets and projects, in the change's own transaction
	ChainAccess  = "access"  // reads, listings, denials, failed log-ins
)

// Outcome tells how the recorded action ended.
type Outcome string

// The outcomes of an action.
const (
	OutcomeOK              Outcome = "ok"
	OutcomeBegun           Outcome = "begun" // a change on a provider that is no Trail, before it is tried
	OutcomeDenied          Outcome = "denied"
	OutcomeUnauthenticated Outcome = "unauthenticated"
	OutcomeNotFound        Outcome = "not_found"
	OutcomeRefused         Outcome = "refused" // a condition did not hold, or a limit was met
	OutcomeUnknown         Outcome = "unknown" // the change may or may not have happened
	OutcomeError           Outcome = "error"
)

// Entry is one line of the trail. It never holds a value, a token or a key.
type Entry struct {
	Chain   string    // ChainChanges or ChainAccess
	Seq     uint64    // 1, 2, 3 ... within the chain
	At      time.Time // UTC, in whole microseconds
	Service string    // empty where the caller did not prove to be a known service
	Via     string    // how the caller was known: "embedded", "header" ...
	Request string    // the request's id, for finding it in logs
	Remote  string    // the network address of a caller whose log-in failed
	Action  string    // an Action's or Op's name, or "login"
	Address Address   // for listings the prefix; a project's own entries have no Path
	Version Version   // the version read, made or marked; of several destroyed ones the newest; 0 where there is none
	// Destroyed are the versions that a destroy named, whatever was destroyed before, in rising order. It is told of changes by a Provider that is
	// a Trail, in the chain of changes; elsewhere only Version is.
	Destroyed []VersionRange
	Outcome   Outcome
	Count     uint64    // how many equal actions this entry stands for, at least 1
	First     time.Time // the first of them
	Last      time.Time // the last of them
	Seen      uint64    // for access entries: the sequence of the newest change then known; of changes in providers/sqlite: that of an access entry
	Prev      []byte    // the MAC of the entry before, in the same chain
	MAC       []byte    // over Prev and this entry; empty on a trail that is no Auditor
}

// Head is the newest link of a chain.
type Head struct {
	Chain string
	Seq   uint64 // 0: the chain is empty
	At    time.Time
	MAC   []byte
}

// NoTrail is the Trail of an embedder who wants none. It must be said, so that nobody
// goes without by accident.
type NoTrail struct{}

// Record forgets the entries.
func (NoTrail) Record(context.Context, ...Entry) error { return nil }

// Entries yields nothing.
func (NoTrail) Entries(context.Context, TrailFilter) iter.Seq2[Entry, error] {
	return func(func(Entry, error) bool) {}
}
