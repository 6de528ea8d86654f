// Package fault holds the errors of the SQLite store and turns those of the engine and the operating
// system into them.
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

// The errors of package sqlite of these names, which documents them.
var (
	ErrForeign   = errors.New("not a file of this store")
	ErrNewer     = errors.New("written by a newer version")
	ErrExposed   = errors.New("open to others")
	ErrMissing   = errors.New("a file of the store is missing")
	ErrNetworkFS = errors.New("on a network file system")
)

// ErrEngine: the engine panicked, which it does when it is out of memory.
var ErrEngine = errors.New("the database engine stopped")

// Tampered gives ErrTampered for what does not authenticate. Such errors reach logs, so
// they name a table and a sequence of the log, and never a project or a path.
func Tampered(format string, args ...any) error {
	return fmt.Errorf("%w: %s", myvault.ErrTampered, fmt.Sprintf(format, args...))
}

// Unavailable gives ErrUnavailable for what the operating system refused while a directory was
// opened, where it has no other name of ours.
func Unavailable(err error) error {
	for _, named := range []error{ErrForeign, ErrNewer, ErrExposed, ErrMissing, ErrNetworkFS, myvault.ErrUnavailable, myvault.ErrTampered} {
		if errors.Is(err, named) {
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

// Operational gives the error of what was done with whole files: what the engine or the
// operating system refused is ErrUnavailable. That a file is there, or is not, says enough.
func Operational(ctx context.Context, err error) error {
	err = FromEngine(ctx, err)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, myvault.ErrUnknownOutcome) {
		return err
	}
	return Unavailable(err)
}

// FromEngine turns an error of the engine, from a statement that changed nothing or was
// rolled back, into one of the vault's.
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

// WithAdvice says what to do where that is known.
func WithAdvice(err error) error {
	switch {
	case NoSpace(err):
		return fmt.Errorf("the disk is full; free space on it, and it goes on without a restart: %w", err)
	case HasCode(err, sqlite3.BUSY):
		return fmt.Errorf("another process has held the file for too long; look whether one hangs: %w", err)
	case HasCode(err, sqlite3.IOERR), errors.Is(err, syscall.EIO):
		return fmt.Errorf("the disk failed; look after it: %w", err)
	}
	return err
}

// NoSpace reports whether the disk is full, or the owner's share of it. The system's error
// comes as the engine's FULL or in one of its IOERR. Where the shared memory beside a database
// cannot be made as large as it must be, the engine keeps the system's error to itself.
func NoSpace(err error) bool {
	return HasCode(err, sqlite3.FULL) || errors.Is(err, sqlite3.IOERR_SHMSIZE) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// EngineCode gives the primary code of an error of the engine; false for any other.
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

func HasCode(err error, codes ...sqlite3.ErrorCode) bool {
	code, ok := EngineCode(err)
	for _, c := range codes {
		if ok && c == code {
			return true
		}
	}
	return false
}

// Guard runs f and turns a panic of the engine into errEngine. The connection that f used
// is not to be used again.
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

// BadEntry is the error that names an entry of a trail which does not authenticate. It
// wraps [myvault.ErrTampered].
type BadEntry struct {
	Chain  string
	Seq    uint64
	Reason string
}

// Error gives one line with chain, sequence and reason.
func (e *BadEntry) Error() string {
	return fmt.Sprintf("%v: entry %d of the chain of %s: %s", myvault.ErrTampered, e.Seq, e.Chain, e.Reason)
}

// Unwrap gives [myvault.ErrTampered].
func (e *BadEntry) Unwrap() error { return myvault.ErrTampered }

// NotExist reports whether err says that there is no such file.
func NotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
