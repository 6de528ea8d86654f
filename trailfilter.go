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
	Action  string // to a Session one of [TrailActions], or an event of this vault's [Records]
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

// TrailActions gives the actions that entries of this module's packages have, sorted. A trail may hold others, of
// newer programs and of packages that extend the vault.
func TrailActions() []string {
	return []string{
		"audit", "backup", "clock", "clock-jump", "copy", "delete", "destroy", "expired", "explain", "generate", "list", "login", "new-epoch", "project-default", "project-delete",
		"project-write", "prune", "read", "reencrypt", "rekey", "renew-trail", "restore", "rotation-due", "undelete", "versions", "write",
	}
}

// trailOutcomes are all outcomes.
var trailOutcomes = []Outcome{
	OutcomeOK, OutcomeBegun, OutcomeDenied, OutcomeUnauthenticated, OutcomeNotFound, OutcomeRefused, OutcomeUnknown, OutcomeError,
}

// validateTrail refuses what can select nothing, so that a slip of the hand is not read as "nothing happened".
func (v *Vault) validateTrail(r TrailFilter) error {
	if r.Action != "" {
		_, event := v.events.Load(r.Action)
		if known := TrailActions(); !event && !slices.Contains(known, r.Action) {
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
