package myvault

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
)

// Trail is an audit trail. A [Provider] may be one: it then writes the entry of a change in the
// change's own transaction. Other providers need one in [Config], or [NoTrail].
type Trail interface {
	// Record appends entries that belong to no change of this provider, all or none, and sets
	// their sequence and MAC. Once it returns nil, they survive a crash of the process.
	Record(ctx context.Context, entries ...Entry) error

	// Entries yields the selected entries, newest first: each chain by descending sequence,
	// several chains merged by descending time.
	Entries(ctx context.Context, r TrailFilter) iter.Seq2[Entry, error]
}

// Auditor is a Trail that chains its entries with MACs, so that a change of an old entry is
// detected.
type Auditor interface {
	Trail
	// Heads returns the newest link of each chain. A head that is kept elsewhere later proves that
	// the chain was not truncated.
	Heads(ctx context.Context) ([]Head, error)
}

// The names of the chains.
const (
	ChainChanges = "changes" // changes of secrets and projects
	ChainAccess  = "access"  // reads, listings, denials, failed log-ins
)

// Outcome is how a recorded action ended.
type Outcome string

// The outcomes of an action.
const (
	OutcomeOK              Outcome = "ok"
	OutcomeBegun           Outcome = "begun"  // a change on a provider that is no Trail, before it is tried
	OutcomeDenied          Outcome = "denied" // by the policy
	OutcomeUnauthenticated Outcome = "unauthenticated"
	OutcomeNotFound        Outcome = "not_found"
	OutcomeRefused         Outcome = "refused" // by the store: a condition did not hold, or a limit was reached
	OutcomeUnknown         Outcome = "unknown" // the change may or may not have been made
	OutcomeError           Outcome = "error"
)

// Entry is one entry of the trail. It never contains a value, a token or a key.
type Entry struct {
	Chain   string    // ChainChanges or ChainAccess
	Seq     uint64    // 1, 2, 3 ... within the chain
	At      time.Time // UTC, in whole microseconds
	Service string    // empty if the caller is not authenticated and names no known service
	Via     string    // how the caller authenticated: "embedded", "header" ...
	Request string    // ID of the request, to find it in logs
	Remote  string    // network address of the caller of a failed log-in
	Action  string    // name of an Action or an Op, "login" ...
	Address Address   // of a listing the prefix; without a Path for changes of projects
	Version Version   // the version read, made or marked, the newest of several; 0: none
	// Destroyed are the versions that a destroy names, in ascending order, including those
	// destroyed before. Only providers that are a Trail set it, in the chain of changes.
	Destroyed []VersionRange
	Outcome   Outcome
	Count     uint64    // of equal actions in this entry, at least 1
	First     time.Time // of the first of them
	Last      time.Time // of the last of them
	// Seen is, in access entries, the sequence of the newest change known at that time. In
	// providers/sqlite changes have that of the newest access entry.
	Seen uint64
	Prev []byte // MAC of the previous entry in the chain
	MAC  []byte // over Prev and this entry; empty if the trail is no Auditor
}

// VersionRange is the versions from First to Last, inclusive.
type VersionRange struct{ First, Last Version }

// Destroys returns the versions that an OpDestroy names, in order and in as few ranges as possible.
// If it names none, these are all up to current. A provider that is a [Trail] adds them to the
// entry.
func (c Change) Destroys(current Version) []VersionRange {
	if len(c.Versions) == 0 {
		return []VersionRange{{1, current}}
	}
	var ranges []VersionRange
	for _, v := range slices.Sorted(slices.Values(c.Versions)) {
		if n := len(ranges); n > 0 && v <= ranges[n-1].Last+1 {
			ranges[n-1].Last = v
			continue
		}
		ranges = append(ranges, VersionRange{v, v})
	}
	return ranges
}

// Head is the newest link of a chain.
type Head struct {
	Chain string
	Seq   uint64 // 0: the chain is empty
	At    time.Time
	MAC   []byte
}

// NoTrail is a Trail that keeps nothing. It must be configured, so that no vault is without a
// trail by accident.
type NoTrail struct{}

// Record discards the entries.
func (NoTrail) Record(context.Context, ...Entry) error { return nil }

// Entries yields nothing.
func (NoTrail) Entries(context.Context, TrailFilter) iter.Seq2[Entry, error] {
	return func(func(Entry, error) bool) {}
}

// Cursor is a position in the trail: the sequence of the last entry read, by the name of the
// chain. A chain that it does not contain begins at its newest entry.
type Cursor map[string]uint64

// TrailFilter selects entries. A zero field selects all.
type TrailFilter struct {
	Before  Cursor // only older entries
	Prefix  Prefix
	Service string
	Action  string // a Session refuses names that no entry of its vault can have
	Outcome Outcome
	Since   time.Time // inclusive
	Until   time.Time // exclusive
}

// Contains reports whether e is selected. Trails use it to filter.
func (r TrailFilter) Contains(e Entry) bool {
	before, bounded := r.Before[e.Chain]
	return (!bounded || e.Seq < before) &&
		r.Prefix.Contains(e.Address) &&
		(r.Service == "" || r.Service == e.Service) &&
		(r.Action == "" || r.Action == e.Action) &&
		(r.Outcome == "" || r.Outcome == e.Outcome) &&
		(r.Since.IsZero() || !e.At.Before(r.Since)) &&
		(r.Until.IsZero() || e.At.Before(r.Until))
}

// trailActions returns the sorted actions of the entries that this module's packages write. A
// trail may have others, written by newer programs and by extensions of the vault.
func trailActions() []string {
	return []string{
		"audit", "backup", "clock", "clock-jump", "copy", "delete", "destroy", "expired",
		"explain", "generate", "list", "login", "new-epoch", "project-default", "project-delete",
		"project-write", "prune", "read", "reencrypt", "rekey", "renew-trail", "restore",
		"rotation-due", "undelete", "versions", "write",
	}
}

var trailOutcomes = []Outcome{
	OutcomeOK, OutcomeBegun, OutcomeDenied, OutcomeUnauthenticated, OutcomeNotFound, OutcomeRefused,
	OutcomeUnknown, OutcomeError,
}

// validateFilter returns ErrInvalid for a filter that selects nothing, so that a typing error is
// not taken for "nothing happened".
func (v *Vault) validateFilter(r TrailFilter) error {
	if r.Action != "" {
		_, extra := v.extraActions.Load(r.Action)
		if known := trailActions(); !extra && !slices.Contains(known, r.Action) {
			return fmt.Errorf("%w action: want one of %s", ErrInvalid, strings.Join(known, ", "))
		}
	}
	if r.Outcome != "" && !slices.Contains(trailOutcomes, r.Outcome) {
		names := make([]string, len(trailOutcomes))
		for i, outcome := range trailOutcomes {
			names[i] = string(outcome)
		}
		return fmt.Errorf("%w outcome: want one of %s", ErrInvalid, strings.Join(names, ", "))
	}
	return nil
}
