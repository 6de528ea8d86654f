package myvault

import "fmt"

// Condition is a precondition of a change. The zero Condition always holds.
type Condition struct {
	kind    conditionKind
	version Version
}

type conditionKind uint8

const (
	always conditionKind = iota
	ifAbsent
	ifPresent
	ifVersion
)

// IfAbsent holds if there is no live secret, or no registered project; else ErrExists.
func IfAbsent() Condition { return Condition{kind: ifAbsent} }

// IfPresent holds if there is a live secret, or a registered project; else ErrNotFound.
func IfPresent() Condition { return Condition{kind: ifPresent} }

// IfVersion holds if there is a live secret and its current version is n. ErrNotFound if there is
// no live secret, ErrConflict for another version.
func IfVersion(n Version) Condition { return Condition{kind: ifVersion, version: n} }

// Version returns the n of IfVersion(n), and 0 for every other condition.
func (c Condition) Version() Version { return c.version }

// Check evaluates the condition for a provider. Head is the current version of the address, or the
// zero Info if there is none.
func (c Condition) Check(head Info) error {
	live := head.State == Live
	switch {
	case c.kind == ifAbsent && live:
		return ErrExists
	case (c.kind == ifPresent || c.kind == ifVersion) && !live:
		return ErrNotFound
	case c.kind == ifVersion && head.Version != c.version:
		return ErrConflict
	}
	return nil
}

// CheckProject is Check for a project.
func (c Condition) CheckProject(registered bool) error {
	if registered {
		return c.Check(Info{State: Live, Version: c.version})
	}
	return c.Check(Info{})
}

// validate returns ErrInvalid for a condition that can never hold.
func (c Condition) validate() error {
	if c.kind == ifVersion && c.version == 0 {
		return fmt.Errorf("%w condition: IfVersion(0) names no version; use IfAbsent to create", ErrInvalid)
	}
	return nil
}

// both returns the condition that holds if all of them do.
func both(conditions []Condition) (Condition, error) {
	var all Condition
	for _, c := range conditions {
		switch {
		case all.kind == always, all == c, all.kind == ifPresent && c.kind == ifVersion:
			all = c
		case c.kind == always, all.kind == ifVersion && c.kind == ifPresent:
		default:
			return all, fmt.Errorf("%w conditions: they exclude each other", ErrInvalid)
		}
	}
	return all, nil
}
