package myvault

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The kinds of failure, for [errors.Is]. Providers return them bare or wrapped
// with a cause; a session wraps them once in an [*Error] with the operation and
// the address. [errors.ErrUnsupported] is the answer where a provider lacks a
// capability. No error carries a key, a token, a value, or input that may hold one.
var (
	// ErrInvalid: a name, value, rule or argument is malformed; the text says what to change.
	ErrInvalid = errors.New("invalid")
	// ErrUnauthenticated: the service is unknown, or its token is wrong or was withdrawn.
	ErrUnauthenticated = errors.New("not authenticated")
	// ErrDenied: the policy does not allow this. It is the same whether the secret exists or not.
	ErrDenied = errors.New("denied by policy")
	// ErrNotFound: there is no live secret, version or project of that name.
	ErrNotFound = errors.New("not found")
	// ErrExists: the condition IfAbsent met a live secret or a registered project.
	ErrExists = errors.New("already exists")
	// ErrConflict: the condition IfVersion met another version, or an undelete came too late.
	ErrConflict = errors.New("version conflict")
	// ErrDestroyed: the value of this version was destroyed and cannot come back.
	ErrDestroyed = errors.New("destroyed")
	// ErrNotEmpty: a project that still has a live secret cannot be deleted.
	ErrNotEmpty = errors.New("project still has live secrets")
	// ErrTooLarge: a value, a commit or the register of projects is over its limit.
	ErrTooLarge = errors.New("too large")
	// ErrGenerator: the function that was to make a value failed, so nothing was changed.
	ErrGenerator = errors.New("the value could not be generated, nothing was changed")
	// ErrTampered: what is stored does not authenticate; it was changed outside the vault.
	ErrTampered = errors.New("stored data does not authenticate")
	// ErrWrongKey: the master key is not the one this store was created with.
	ErrWrongKey = errors.New("wrong master key")
	// ErrTrail: the trail could not be written, so nothing was released or changed.
	ErrTrail = errors.New("trail cannot be written")
	// ErrUnavailable: the store does not answer now; nothing was changed, and a retry is safe.
	ErrUnavailable = errors.New("store unavailable")
	// ErrUnknownOutcome: a change may or may not have happened; read before trying again.
	ErrUnknownOutcome = errors.New("outcome unknown, read before trying again")
	// ErrClosed: the vault or provider was closed.
	ErrClosed = errors.New("closed")
)

// Error is what every method of [Session] and [Vault] returns on failure: the
// operation, the address where it is well formed, and the cause.
// Match the cause with [errors.Is]; never match on the text.
type Error struct {
	Op      string  // the operation, lower case: "get", "put", "list projects"
	Address Address // zero where the operation has none, or where it is malformed
	Err     error   // the cause, one of the sentinels of this package or wrapping one
}

// Error gives one line such as `myvault: put newsbot/prod/db: version conflict`.
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

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// ChangeError says which change of a [Session.Apply] is the reason for its failure. Find it
// with [errors.As]; the [*Error] that wraps it has the address of that change.
type ChangeError struct {
	Index int // in the arguments of Apply, from 0
	Err   error
}

// Error returns one line such as "change 3: version conflict". It counts from 1.
func (e *ChangeError) Error() string { return fmt.Sprintf("change %d: %v", e.Index+1, e.Err) }

// Unwrap returns the cause.
func (e *ChangeError) Unwrap() error { return e.Err }

// refusals are the errors that a change itself can be the reason for.
var refusals = []error{
	ErrInvalid, ErrDenied, ErrNotFound, ErrExists, ErrConflict, ErrDestroyed, ErrNotEmpty, ErrTooLarge, ErrGenerator,
}

// failChanges wraps the error of an Apply. If one of the changes is the reason, it says which.
func failChanges(changes []Change, err error) error {
	failed, ok := errors.AsType[*ChangeError](err)
	if !ok && len(changes) == 1 {
		failed, ok = &ChangeError{Err: err}, true
	}
	if !ok || !slices.ContainsFunc(refusals, func(r error) bool { return errors.Is(err, r) }) {
		return fail("apply", Address{}, err)
	}
	addr := changes[failed.Index].Target()
	if ValidateProject(addr.Project) != nil || addr.Path != "" && validatePath(addr.Path) != nil {
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
