package myvault

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The kinds of errors, for [errors.Is]. Providers return them bare or wrapped with a cause. A
// session wraps them once in an [*Error]. If a provider lacks a capability, the error is
// [errors.ErrUnsupported]. No error contains a key, a token, a value, or input that may contain
// one.
var (
	// ErrInvalid: a name, value, rule or argument is malformed. The text says what to change.
	ErrInvalid = errors.New("invalid")
	// ErrUnauthenticated: the service is unknown, the token or certificate is wrong, or the session
	// has ended.
	ErrUnauthenticated = errors.New("not authenticated")
	// ErrDenied: the policy does not allow this, whether or not the secret exists.
	ErrDenied = errors.New("denied by policy")
	// ErrNotFound: there is no live secret, version or project with that name.
	ErrNotFound = errors.New("not found")
	// ErrExists: IfAbsent found a live secret or a registered project.
	ErrExists = errors.New("already exists")
	// ErrConflict: IfVersion found another version, or there is no deletion to undo.
	ErrConflict = errors.New("version conflict")
	// ErrDestroyed: the value of this version was destroyed.
	ErrDestroyed = errors.New("destroyed")
	// ErrNotEmpty: a project with a live secret cannot be deleted.
	ErrNotEmpty = errors.New("project still has live secrets")
	// ErrStalePosition: a watch cannot resume there. List the secrets, and watch from the present.
	ErrStalePosition = errors.New("position is no longer valid, list anew")
	// ErrTooLarge: a value, a commit or the number of projects exceeds its limit.
	ErrTooLarge = errors.New("too large")
	// ErrGenerator: the generator of a value failed. Nothing was changed.
	ErrGenerator = errors.New("the value could not be generated, nothing was changed")
	// ErrTampered: stored data was changed outside the vault.
	ErrTampered = errors.New("stored data does not authenticate")
	// ErrWrongKey: the store was created with another master key.
	ErrWrongKey = errors.New("wrong master key")
	// ErrTrail: the trail could not be written, so nothing was returned or changed.
	ErrTrail = errors.New("trail cannot be written")
	// ErrUnavailable: the store does not respond. Nothing was changed; retry later.
	ErrUnavailable = errors.New("store unavailable")
	// ErrUnknownOutcome: a change may or may not have been made. Read before you retry.
	ErrUnknownOutcome = errors.New("outcome unknown, read before trying again")
	// ErrClosed: the vault or provider is closed.
	ErrClosed = errors.New("closed")
)

// Error is the error of every method of [Session] and [Vault]. Match its cause with [errors.Is],
// never its text.
type Error struct {
	Op      string  // the operation, lower case: "get", "put", "list projects"
	Address Address // zero if the operation has none, or if it is malformed
	Err     error   // a sentinel of this package, errors.ErrUnsupported or the context's error, or wrapping one
}

// Error returns one line, such as `myvault: put newsbot/prod/db: version conflict`.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("myvault: ")
	b.WriteString(e.Op)
	if e.Address != (Address{}) {
		b.WriteByte(' ')
		b.WriteString(e.Address.String())
	}
	b.WriteString(": ")
	b.WriteString(e.Err.Error())
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ChangeError says which change of a [Session.Apply] failed. Find it with [errors.As]. The [*Error]
// that wraps it has the address of the change.
type ChangeError struct {
	Index int // in the arguments of Apply, from 0
	Err   error
}

// Error returns one line such as "change 3: version conflict". It counts from 1.
func (e *ChangeError) Error() string { return fmt.Sprintf("change %d: %v", e.Index+1, e.Err) }

// Unwrap returns the cause.
func (e *ChangeError) Unwrap() error { return e.Err }

// changeErrors are the errors that concern a single change.
var changeErrors = []error{
	ErrInvalid, ErrDenied, ErrNotFound, ErrExists, ErrConflict, ErrDestroyed, ErrNotEmpty, ErrTooLarge, ErrGenerator,
}

// failChanges wraps the error of an Apply. If one of the changes failed, it says which.
func failChanges(changes []Change, err error) error {
	failed, ok := errors.AsType[*ChangeError](err)
	if !ok && len(changes) == 1 {
		failed, ok = &ChangeError{Err: err}, true
	}
	if !ok || !slices.ContainsFunc(changeErrors, func(r error) bool { return errors.Is(err, r) }) {
		return fail("apply", Address{}, err)
	}
	addr := changes[failed.Index].target()
	if validateProject(addr.Project) != nil || addr.Path != "" && validatePath(addr.Path) != nil {
		addr = Address{}
	}
	return fail("apply", addr, failed)
}

// fail wraps err for the caller, once; nil stays nil.
func fail(op string, addr Address, err error) error {
	if err == nil {
		return nil
	}
	if wrapped := (*Error)(nil); errors.As(err, &wrapped) {
		return err
	}
	return &Error{Op: op, Address: addr, Err: err}
}
