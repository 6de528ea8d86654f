package myvault

import "fmt"

// Condition makes a change depend on what is there. The zero Condition always holds.
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

// IfAbsent holds while there is no live secret (or no registered project); else ErrExists.
func IfAbsent() Condition { return Condition{kind: ifAbsent} }

// IfPresent holds while there is a live secret (or a registered project); else ErrNotFound.
func IfPresent() Condition { return Condition{kind: ifPresent} }

// IfVersion holds while the live secret's current version is n. With no live secret it
// fails with ErrNotFound, on another version with ErrConflict.
func IfVersion(n Version) Condition { return Condition{kind: ifVersion, version: n} }

// Check is the one meaning of conditions, for every provider. head is the current
// version of the address, or the zero Info where no version was ever made.
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

// validate reports ErrInvalid for a condition that can never hold.
func (c Condition) validate() error {
	if c.kind == ifVersion && c.version == 0 {
		return fmt.Errorf("%w condition: IfVersion(0) names no version; use IfAbsent to create", ErrInvalid)
	}
	return nil
}

// both gives the one condition that holds when all of them do.
func both(conditions []Condition) (Condition, error) {
	var all Condition
	for _, c := range conditions {
		switch {
		case all.kind == always, all == c, all.kind == ifPresent && c.kind == ifVersion:
			all = c
		case c.kind == always, all.kind == ifVersion && c.kind == ifPresent:
		default:
			return all, fmt.Errorf("%w conditions: they can never hold together", ErrInvalid)
		}
	}
	return all, nil
}
