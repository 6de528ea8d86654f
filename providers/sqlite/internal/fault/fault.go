// Package fault has the errors of the SQLite store, and translates errors of SQLite and of the
// operating system into them and into those of package myvault. It knows error codes. It knows no
// file, table or connection, and every other package of the store may import it.
package fault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
)

// Package sqlite exports and documents these errors under the same names.
var (
	ErrForeign   = errors.New("not a file of this store")
	ErrNewer     = errors.New("written by a newer version")
	ErrExposed   = errors.New("open to others")
	ErrMissing   = errors.New("a file of the store is missing")
	ErrNetworkFS = errors.New("on a network file system")
)

// ErrEngine is returned if SQLite panicked, as it does when it is out of memory.
var ErrEngine = errors.New("the database engine panicked")

// Tampered returns an error that wraps ErrTampered, for data that does not authenticate. Such
// errors reach logs. So the text may name a table and a sequence of the log, but never a project
// or a path.
func Tampered(format string, args ...any) error {
	return fmt.Errorf("%w: %s", myvault.ErrTampered, fmt.Sprintf(format, args...))
}

// FromOS wraps an error of the operating system in ErrUnavailable. It returns any other error,
// and one that is already translated, as it is.
func FromOS(err error) error {
	for _, known := range []error{ErrForeign, ErrNewer, ErrExposed, ErrMissing, ErrNetworkFS, myvault.ErrUnavailable, myvault.ErrTampered} {
		if errors.Is(err, known) {
			return err
		}
	}
	var path *fs.PathError
	var link *os.LinkError
	var call *os.SyscallError
	if errors.As(err, &path) || errors.As(err, &link) || errors.As(err, &call) {
		return fmt.Errorf("%w: %w", myvault.ErrUnavailable, WithAdvice(err))
	}
	return err
}

// FromAny translates an error of SQLite or of the operating system, from an operation on whole
// files. It returns fs.ErrExist, fs.ErrNotExist and ErrUnknownOutcome as they are.
func FromAny(ctx context.Context, err error) error {
	err = FromEngine(ctx, err)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, myvault.ErrUnknownOutcome) {
		return err
	}
	return FromOS(err)
}

// FromEngine translates an error of SQLite, from a statement that changed nothing or was rolled
// back. If ctx ended and interrupted the statement, it returns the error of ctx.
func FromEngine(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if HasCode(err, sqlite3.INTERRUPT, sqlite3.BUSY) && ctx.Err() != nil {
		return ctx.Err()
	}
	code, ok := EngineCode(err)
	switch {
	case !ok:
		return err
	case code == sqlite3.CORRUPT, code == sqlite3.NOTADB:
		return fmt.Errorf("%w: %w", myvault.ErrTampered, err)
	}
	return fmt.Errorf("%w: %w", myvault.ErrUnavailable, WithAdvice(err))
}

// WithAdvice adds what to do to an error of a full disk, a lock or a failing disk.
func WithAdvice(err error) error {
	switch {
	case errors.Is(err, sqlite3.IOERR_FSYNC), errors.Is(err, sqlite3.IOERR_DIR_FSYNC):
		return fmt.Errorf("the disk failed to sync; check it, then close the store and open it again: %w", err)
	case NoSpace(err):
		return fmt.Errorf("the disk is full; free space on it, no restart is needed: %w", err)
	case HasCode(err, sqlite3.BUSY):
		return fmt.Errorf("another process has locked the file for too long; check whether it hangs: %w", err)
	case HasCode(err, sqlite3.IOERR), errors.Is(err, syscall.EIO):
		return fmt.Errorf("the disk failed; check it: %w", err)
	}
	return err
}

// NoSpace reports whether the disk is full or a quota is reached. SQLite returns FULL, or wraps
// the system's error in an IOERR. If it cannot extend the shared memory of a database, it returns
// IOERR_SHMSIZE without the system's error.
func NoSpace(err error) bool {
	return HasCode(err, sqlite3.FULL) || errors.Is(err, sqlite3.IOERR_SHMSIZE) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// EngineCode returns the primary result code of an error of SQLite,
// https://sqlite.org/rescode.html. For any other error it returns false.
func EngineCode(err error) (sqlite3.ErrorCode, bool) {
	if errors.Is(err, ErrEngine) {
		return sqlite3.NOMEM, true
	}
	var code sqlite3.ErrorCode
	var extended sqlite3.ExtendedErrorCode
	var whole *sqlite3.Error
	switch {
	case errors.As(err, &whole):
		return whole.Code(), true
	case errors.As(err, &extended):
		return extended.Code(), true
	case errors.As(err, &code):
		return code, true
	}
	return 0, false
}

// HasCode reports whether err is an error of SQLite with one of the primary codes.
func HasCode(err error, codes ...sqlite3.ErrorCode) bool {
	code, ok := EngineCode(err)
	for _, c := range codes {
		if ok && c == code {
			return true
		}
	}
	return false
}

// Guard runs f and recovers a panic of SQLite as ErrEngine. After that the connection that f used
// must not be used again.
func Guard(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = ErrEngine
			if cause, ok := r.(error); ok {
				err = fmt.Errorf("%w: %w", ErrEngine, cause)
			}
		}
	}()
	return f()
}

// BadEntry is the error for an entry of a trail that does not authenticate. It wraps
// [myvault.ErrTampered].
type BadEntry struct {
	Chain  string
	Seq    uint64
	Reason string
}

// Error returns one line with chain, sequence and reason.
func (e *BadEntry) Error() string {
	return fmt.Sprintf("%v: entry %d of the chain of %s: %s", myvault.ErrTampered, e.Seq, e.Chain, e.Reason)
}

// Unwrap returns [myvault.ErrTampered].
func (e *BadEntry) Unwrap() error { return myvault.ErrTampered }

// NotExist reports whether err means that a file does not exist.
func NotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
