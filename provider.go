package myvault

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// Provider stores secrets. Programs use a [Session]; this interface is for those who implement a
// store. Addresses and values are valid and the caller is authorized. Every error wraps a sentinel
// of this package or errors.ErrUnsupported, or is the context's error. It means that nothing was
// changed, except for ErrUnknownOutcome. Values are copied in and out.
//
// All methods may be called by many goroutines at once. Iterators hold no lock while the loop body
// runs, may be left early, and end after the first error. A capability that only some providers
// have is a further interface: [Trail], [Auditor], [Incarnation], [Snapshotter], [Archive],
// [Limited], [Watcher], [Instrumented].
type Provider interface {
	// Get returns one version, or the current one if version is 0. If the current version is
	// deleted, every version is ErrNotFound. Otherwise a version that is asked for by number and
	// was destroyed is ErrDestroyed, whether or not it is the current one. Any other version is
	// ErrNotFound unless both it and the current version are live.
	Get(ctx context.Context, addr Address, version Version) (Secret, error)

	// Apply makes all changes of the commit or none, in order, each on the result of those before,
	// and durably before it returns. It returns one Info for each change: the version made or
	// marked, the newest of several destroyed ones, and for a project an Info of version 0. A
	// provider that is a Trail writes the entries in the same transaction. A provider that cannot
	// make several changes at once returns errors.ErrUnsupported for more than one. If one of
	// several changes fails, the error is that of [Commit.Failed]. Values up to [MaxValue] are
	// accepted.
	Apply(ctx context.Context, c Commit) ([]Info, error)

	// List yields the current versions of the selected addresses, ordered byte by byte.
	List(ctx context.Context, r ListOptions) iter.Seq2[Info, error]

	// Versions yields every version of the address that is older than before, newest first,
	// including deleted and destroyed ones. If before is 0, it begins at the newest. An address
	// that never had a version yields ErrNotFound.
	Versions(ctx context.Context, addr Address, before Version) iter.Seq2[Info, error]

	// Projects yields the registered projects, ordered by name byte by byte. It begins at the name
	// from, or behind it if there is no such project. From need not be a valid name.
	Projects(ctx context.Context, from string) iter.Seq2[Project, error]

	// Ping reports whether the store is reachable.
	Ping(ctx context.Context) error

	// Close releases everything. A second Close returns nil. Later calls return ErrClosed.
	Close() error
}

// Version numbers the puts of one address: 1, 2, 3 ... Numbers are never reused, not even after a
// deletion. 0 is the current version.
type Version uint64

// State is the state of a version.
type State uint8

// The states of a version. The state of a secret is that of its current version.
const (
	Live      State = iota + 1 // the value can be read
	Deleted                    // marked as deleted; Undelete clears the mark
	Destroyed                  // the value is gone for good
)

// String returns "live", "deleted" or "destroyed".
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

// Info describes one version of a secret, without its value. At, in UTC and whole microseconds,
// and By are the time and the service of the Put that made it.
type Info struct {
	Address
	Version     Version
	State       State
	At          time.Time
	By          string
	Expires     time.Time // when it should no longer be used; zero: never
	RotateAfter time.Time // when it is due for a new version; zero: never
}

// String returns one line, such as "newsbot/prod/db version 3 live".
func (i Info) String() string {
	return fmt.Sprintf("%s version %d %s", i.Address, i.Version, i.State)
}

// Expired reports whether the version should no longer be used at time t. It can still be read.
func (i Info) Expired(t time.Time) bool { return !i.Expires.IsZero() && !t.Before(i.Expires) }

// Secret is one version of a secret with its value.
type Secret struct {
	Info
	Value Value
}

// Op is the kind of a [Change].
type Op uint8

// The kinds of change.
const (
	OpPut            Op = iota + 1 // makes a version, and registers the project if necessary
	OpDelete                       // marks the current version as deleted; ErrNotFound unless it is live
	OpUndelete                     // clears that mark and registers the project; ErrConflict if it is not set
	OpDestroy                      // removes the values of Versions, or all; ErrNotFound for one that was never made
	OpPutProject                   // registers or describes Project.Name
	OpDefaultProject               // makes Project.Name the only default; ErrNotFound if it is not registered
	OpDeleteProject                // unregisters Project.Name; ErrNotEmpty while it has a live secret
)

// String returns the action of trail entries.
func (o Op) String() string {
	names := [...]string{"", "write", "delete", "undelete", "destroy", "project-write", "project-default", "project-delete"}
	if o == 0 || int(o) >= len(names) {
		return fmt.Sprintf("Op(%d)", uint8(o))
	}
	return names[o]
}

// Change is one change of a [Commit]. Op decides which fields are used. Changes of secrets use
// Address; OpPut also Value or Generate, If, Expires and RotateAfter; OpDelete also If; OpDestroy
// also Versions. Changes of projects use Project.Name; OpPutProject also Project.Description and
// If, which is IfAbsent or IfPresent.
type Change struct {
	Op          Op
	Address     Address
	Value       Value
	Generate    Generator // makes Value; nil in the changes that a provider gets
	Versions    []Version
	If          Condition
	Project     Project
	Expires     time.Time
	RotateAfter time.Time
}

// Commit is a group of changes by one service at one time. If the provider is a Trail, Entries[i]
// is the entry of Changes[i]; the provider sets its sequence, version and MAC. Without Entries it
// makes one for each change, with By as the service.
type Commit struct {
	Changes []Change
	By      string
	At      time.Time // UTC, in whole microseconds
	Entries []Entry
}

// Failed returns the error of a commit whose change i, from 0, fails with err: a [*ChangeError],
// or err itself if there is only one change.
func (c Commit) Failed(i int, err error) error {
	if len(c.Changes) == 1 {
		return err
	}
	return &ChangeError{Index: i, Err: err}
}

// ListOptions selects addresses.
type ListOptions struct {
	Prefix  Prefix
	After   Address // exclusive; the zero Address begins at the first
	Deleted bool    // the deleted and destroyed ones in place of the live ones

	// Only versions that expire, or are due for rotation, before these times; zero: all. They are
	// zero in the options that a provider gets.
	ExpiresBefore time.Time
	RotateBefore  time.Time
}

// Incarnation is a Provider whose store can be replaced by an older copy of itself.
type Incarnation interface {
	// Incarnation identifies the store in letters and digits. A version number remembered from
	// another incarnation, such as an ETag, then does not match by accident. A store that is
	// created or restored by the provider has a new one. Files that are copied back keep theirs.
	Incarnation() string
}

// Reader is the part of a [Provider] that reads.
type Reader interface {
	Get(ctx context.Context, addr Address, version Version) (Secret, error)
	List(ctx context.Context, r ListOptions) iter.Seq2[Info, error]
	Versions(ctx context.Context, addr Address, before Version) iter.Seq2[Info, error]
	Projects(ctx context.Context, from string) iter.Seq2[Project, error]
}

// Snapshotter is a Provider that can answer several reads from one state of the store. On other
// providers a page is read one secret at a time and may mix commits.
type Snapshotter interface {
	// Snapshot calls f once with a Reader of one state of the store, which includes every change
	// acknowledged before the call. Changes do not wait for f. The Reader and its iterators are for
	// one goroutine and end with f. While f runs it may make changes, but must not read from the
	// provider in another way. Snapshot returns the error of f or, without calling f, ErrClosed,
	// ErrUnavailable or the context's error.
	Snapshot(ctx context.Context, f func(Reader) error) error
}

// Archive is a [Provider] that also returns the values of deleted secrets and versions, which Get
// does not. Package transfer copies them if both providers implement it.
type Archive interface {
	// History yields every version ever made of the address with its value, newest first and with
	// deleted ones. The Value is zero for a destroyed version and for one that the store cannot
	// read without a change. An address that never had a version yields ErrNotFound. History
	// changes nothing and records no entry.
	History(ctx context.Context, addr Address) iter.Seq2[Secret, error]
}

// Limited is a [Provider] with limits, which never change.
type Limited interface {
	// Limits returns how many projects are registered at most at one time, and how many versions
	// of one secret are kept, with destroyed ones. 0 is no limit.
	Limits() (projects, versions int)
}

// snapshot calls f with a Reader of one state of the store if the provider has snapshots, else
// with the provider.
func (v *Vault) snapshot(ctx context.Context, f func(Reader) error) error {
	if p, ok := v.provider.(Snapshotter); ok {
		return p.Snapshot(ctx, f)
	}
	return f(v.provider)
}
