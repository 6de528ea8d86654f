package myvault

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Cursor remembers how far a chain was read, by the chain's name: the sequence of
// the last entry seen. A chain it does not name starts at its newest entry.
type Cursor map[string]uint64

// TrailFilter selects entries; a zero field selects all.
type TrailFilter struct {
	Before  Cursor // only entries older than these
	Prefix  Prefix
	Service string
	Action  string // a Session refuses names that no entry of this vault can have
	Outcome Outcome
	Since   time.Time // inclusive
	Until   time.Time // exclusive
}

// Contains reports whether e is selected; a Trail may use it to filter.
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
		"audit", "backup", "clock", "clock-jump", "copy", "delete", "destroy", "expired", "explain", "generate", "list", "login", "new-epoch", "project-default", "project-delete",
		"project-write", "prune", "read", "reencrypt", "rekey", "renew-trail", "restore", "rotation-due", "undelete", "versions", "write",
	}
}

// trailOutcomes are all outcomes.
var trailOutcomes = []Outcome{
	OutcomeOK, OutcomeBegun, OutcomeDenied, OutcomeUnauthenticated, OutcomeNotFound, OutcomeRefused, OutcomeUnknown, OutcomeError,
}

// validateFilter refuses what can select nothing, so that a slip of the hand is not read as "nothing happened".
func (v *Vault) validateFilter(r TrailFilter) error {
	if r.Action != "" {
		_, event := v.extraActions.Load(r.Action)
		if known := trailActions(); !event && !slices.Contains(known, r.Action) {
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
