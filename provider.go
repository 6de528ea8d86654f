package myvault

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// Provider is where secrets live. Programs use a [Session]; only those who implement
// a store read this interface. Addresses and values arrive valid and the caller is
// authorised. Every error wraps a sentinel of this package, or the context's error;
// then nothing was changed, ErrUnknownOutcome apart. Values are copied in and out.
//
// All methods may be called by many goroutines at once. Iterators hold no lock while the loop body
// runs, may be left early, and end after the first error they yield. A capability that only some
// providers have is a further interface: [Trail], [Auditor], [Incarnation], [Snapshotter].
type Provider interface {
	// Get reads one version, or the current one where version is 0. If the current version
	// is deleted, every version is ErrNotFound. Otherwise a version that is asked for by
	// number and was destroyed is ErrDestroyed, whether it is the current one or not. Every
	// other version is ErrNotFound unless both it and the current version are live.
	Get(ctx context.Context, addr Address, version Version) (Secret, error)

	// Apply makes all changes of the commit, or none, in their order, each seeing those
	// before it, and durably before it returns. It gives one Info per change: the version
	// that the change made or marked, of several destroyed ones the newest, and for a
	// project an Info of version 0. A provider that is a Trail writes the entries in the
	// same transaction. A provider that cannot do several changes at once answers
	// errors.ErrUnsupported to more than one. If one change of several is refused, the error
	// is that of [Commit.Refused], which says which one.
	Apply(ctx context.Context, c Commit) ([]Info, error)

	// List yields the current version of the addresses in the range, ordered byte by byte.
	List(ctx context.Context, r ListOptions) iter.Seq2[Info, error]

	// Versions yields every version made of the address that is older than before, newest
	// first, deleted and destroyed ones too. If before is 0 it begins at the newest. An
	// address that never had a version yields ErrNotFound.
	Versions(ctx context.Context, addr Address, before Version) iter.Seq2[Info, error]

	// Projects yields the registered projects, ordered by name byte by byte. It begins at the
	// name from, or behind it if there is no such project; from need not be a valid name.
	Projects(ctx context.Context, from string) iter.Seq2[Project, error]

	// Ping reports whether the store answers.
	Ping(ctx context.Context) error

	// Close releases everything; a second Close gives nil. Later calls give ErrClosed.
	Close() error
}

// Incarnation is a Provider whose store can be replaced by an older copy of itself.
type Incarnation interface {
	// Incarnation names this life of the store, in letters and digits, so that a version
	// number remembered from another one (an ETag) does not match by accident. A store that
	// was made anew, or restored by the provider itself, has another one; files that
	// were copied back keep theirs.
	Incarnation() string
}

// Version numbers the puts of one address: 1, 2, 3 ... No number is ever used twice
// for an address, deletion included. 0 means the current one.
type Version uint64

// State says what became of a version.
type State uint8

// The states of a version. A secret is in the state of its current version.
const (
	Live      State = iota + 1 // the value can be read
	Deleted                    // marked deleted; Undelete brings it back
	Destroyed                  // the value is gone for good
)

// String gives "live", "deleted" or "destroyed".
func (s State) String() string {
	switch s {
	case Live:
		return "live"
	case Deleted:
		return "deleted"
	case Destroyed:
		return "destroyed"
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// Info describes one version of a secret, without its value. At and By are the time
// (UTC, in whole microseconds) and the service of the Put that made it.
type Info struct {
	Address
	Version     Version
	State       State
	At          time.Time
	By          string
	Expires     time.Time // when it should no longer be used; zero: never
	RotateAfter time.Time // when it is due for a new version; zero: never
}

// String gives one line such as "newsbot/prod/db version 3 live".
func (i Info) String() string {
	return fmt.Sprintf("%s version %d %s", i.Address, i.Version, i.State)
}

// Expired reports whether the version should no longer be used at time t. It can still be read.
func (i Info) Expired(t time.Time) bool { return !i.Expires.IsZero() && !t.Before(i.Expires) }

// RotationDue reports whether the version should be replaced at time t.
func (i Info) RotationDue(t time.Time) bool {
	return !i.RotateAfter.IsZero() && !t.Before(i.RotateAfter)
}

// Secret is one version of a secret with its value.
type Secret struct {
	Info
	Value Value
}

// Op is the kind of a [Change].
type Op uint8

// The kinds of change.
const (
	OpPut            Op = iota + 1 // a new version; registers the project where needed
	OpDelete                       // marks the current version deleted; ErrNotFound unless live
	OpUndelete                     // clears that mark and registers the project; ErrConflict where it is not set
	OpDestroy                      // removes the values of Versions, or of all where none is named; ErrNotFound where one was never made
	OpPutProject                   // registers or describes Project.Name; a version of it does not exist
	OpDefaultProject               // makes Project.Name the only default one; ErrNotFound if unregistered
	OpDeleteProject                // unregisters Project.Name; ErrNotEmpty while it has a live secret
)

// String gives the name that trail entries use.
func (o Op) String() string {
	names := [...]string{"", "write", "delete", "undelete", "destroy", "project-write", "project-default", "project-delete"}
	if o == 0 || int(o) >= len(names) {
		return fmt.Sprintf("Op(%d)", uint8(o))
	}
	return names[o]
}

// Change is one change of a [Commit]. Which fields matter depends on Op: the secret
// kinds use Address; OpPut also Value, If, Expires and RotateAfter, as a [NewVersion] has them;
// OpDelete also If; OpDestroy also Versions. The project kinds use Project.Name; OpPutProject also
// Project.Description and If (IfAbsent or IfPresent).
type Change struct {
	Op          Op
	Address     Address
	Value       Value
	Generate    Generator // makes Value, which is then empty; a provider never sees it
	Versions    []Version
	If          Condition
	Project     Project
	Expires     time.Time
	RotateAfter time.Time
}

// Commit is a group of changes by one service at one time. Where the provider is a
// Trail, Entries[i] is the entry of Changes[i]: the provider sets its sequence, version and
// MAC. Without Entries it writes one for each change in the name of By.
type Commit struct {
	Changes []Change
	By      string
	At      time.Time // UTC, in whole microseconds
	Entries []Entry
}

// Refused returns the error of a commit whose change with index i, from 0, is refused
// because of err: a [*ChangeError], or err itself if the commit has only one change.
func (c Commit) Refused(i int, err error) error {
	if len(c.Changes) == 1 {
		return err
	}
	return &ChangeError{Index: i, Err: err}
}

// ListOptions selects what List yields: addresses within Prefix that come after After.
type ListOptions struct {
	Prefix  Prefix
	After   Address // exclusive; the zero Address starts at the beginning
	Deleted bool    // those that are deleted or destroyed, in place of the live ones

	// Only those that expire, or are due for rotation, before these times; zero: all. Sessions
	// see to it: a provider never has them set.
	ExpiresBefore time.Time
	RotateBefore  time.Time
}
