package pyvault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/readonly"
	"github.com/myswiftagent/myvault/internal/rfc3339"
)

// contents is the rows of the file, as text.
type contents struct {
	projects []projectRow
	secrets  []secretRow
	budget   int64 // the bytes of text that may follow; a cycle of pages would yield text forever
}

// maxCell is the maximum size of a cell, in bytes. A value has two for each of its bytes.
const maxCell = 16 << 20

// errTooMuch means that the file yields more text than it can contain.
var errTooMuch = errors.New("it yields more data than it can contain: it is damaged")

type projectRow struct {
	name, description, at, by string
	isDefault                 bool
}

type secretRow struct {
	project, path, value, iv, tag, at, by string
}

// readUnchanged calls read, and returns ErrUnavailable if the file changed during the call: it is
// read without a lock.
func readUnchanged(path string, read func() error) error {
	before, err := stateOf(path)
	if err != nil {
		return err
	}
	if before.unfinished {
		return fmt.Errorf("%w: the file has an unfinished change; stop the service, or start and stop it if it crashed", myvault.ErrUnavailable)
	}
	if err := read(); err != nil {
		return err
	}
	after, err := stateOf(path)
	if err == nil && after != before {
		err = fmt.Errorf("%w: the file changed while it was read; stop the service", myvault.ErrUnavailable)
	}
	return err
}

// state is the size and modification time of the file and its log.
type state struct {
	size, changed, logSize, logChanged int64
	unfinished                         bool // a journal must be rolled back
}

func stateOf(path string) (s state, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return s, unavailable(err)
	}
	if !info.Mode().IsRegular() {
		return s, fmt.Errorf("%w: it is not a regular file", myvault.ErrInvalid)
	}
	s.size, s.changed = info.Size(), info.ModTime().UnixNano()
	if info, err := os.Stat(path + "-wal"); err == nil {
		if !info.Mode().IsRegular() {
			return s, fmt.Errorf("%w: its write-ahead log is not a regular file", myvault.ErrInvalid) // a pipe would block
		}
		s.logSize, s.logChanged = info.Size(), info.ModTime().UnixNano()
	}
	if info, err := os.Stat(path + "-journal"); err == nil {
		s.unfinished = info.Size() > 0
	}
	return s, nil
}

// unavailable returns ErrUnavailable with an error of the operating system, without its path.
func unavailable(err error) error {
	if named, ok := errors.AsType[*fs.PathError](err); ok {
		err = named.Err
	}
	return fmt.Errorf("%w: %w", myvault.ErrUnavailable, err)
}

func readFile(ctx context.Context, path string) (f contents, err error) {
	defer func() {
		if p := recover(); p != nil { // SQLite panics if it runs out of memory
			err = fmt.Errorf("%w file: SQLite cannot read it", myvault.ErrInvalid)
		}
	}()
	path, err = filepath.Abs(path)
	if err != nil {
		return f, err
	}
	name := "file:" + strings.ReplaceAll(url.QueryEscape(filepath.ToSlash(path)), "+", "%20") + "?vfs=" + readonly.VFS()
	db, err := sqlite3.OpenFlags(name, sqlite3.OPEN_READONLY|sqlite3.OPEN_URI)
	if err != nil {
		return f, vaultError(err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	defer db.SetInterrupt(db.SetInterrupt(ctx))
	if err := hardenConnection(db); err != nil {
		return f, vaultError(err)
	}
	if f.budget, err = budgetOf(path); err != nil {
		return f, err
	}
	return f, vaultError(f.read(db))
}

// budgetOf returns how much text the file and its log can contain. A number of 8 bytes can have
// 20 digits.
func budgetOf(path string) (int64, error) {
	s, err := stateOf(path)
	return 1<<16 + 4*(s.size+s.logSize), err
}

func (f *contents) read(db *sqlite3.Conn) error {
	for _, table := range []string{"projects", "secrets"} {
		if err := checkTable(db, table); err != nil {
			return err
		}
	}
	return errors.Join(f.readProjects(db), f.readSecrets(db))
}

// checkTable returns an error if table is not an ordinary table without generated columns.
func checkTable(db *sqlite3.Conn, table string) error {
	stored := false
	kind := `SELECT type = 'table' AND rootpage > 0 FROM sqlite_schema WHERE lower(name) = '` + table + `'`
	err := each(db, kind, func(row *sqlite3.Stmt) error {
		stored = row.ColumnBool(0)
		return nil
	})
	if err != nil {
		return err
	}
	if !stored {
		return errors.New("it has no table " + table)
	}
	return each(db, `SELECT hidden FROM pragma_table_xinfo('`+table+`')`, func(row *sqlite3.Stmt) error {
		if row.ColumnInt(0) != 0 {
			return errors.New("its table " + table + " has a generated column")
		}
		return nil
	})
}

// texts returns the columns of a row as text, and subtracts their size from the budget.
func (f *contents) texts(row *sqlite3.Stmt) ([]string, error) {
	all := make([]string, row.ColumnCount())
	f.budget--
	for i := range all {
		all[i] = row.ColumnText(i)
		f.budget -= int64(len(all[i]))
	}
	if f.budget < 0 {
		return nil, errTooMuch
	}
	return all, nil
}

// hardenConnection prevents code in the schema from running, and a checkpoint of the log.
// Exclusive mode keeps the log's index on the heap.
func hardenConnection(db *sqlite3.Conn) error {
	for option, on := range map[sqlite3.DBConfig]bool{
		sqlite3.DBCONFIG_DEFENSIVE:        true,
		sqlite3.DBCONFIG_ENABLE_TRIGGER:   false,
		sqlite3.DBCONFIG_ENABLE_VIEW:      false,
		sqlite3.DBCONFIG_TRUSTED_SCHEMA:   false,
		sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE: true,
	} {
		if _, err := db.Config(option, on); err != nil {
			return err
		}
	}
	db.Limit(sqlite3.LIMIT_LENGTH, maxCell)
	return db.Exec(`PRAGMA locking_mode=EXCLUSIVE`)
}

// vaultError wraps an error of SQLite in ErrUnavailable or ErrInvalid.
func vaultError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sqlite3.IOERR), errors.Is(err, sqlite3.CANTOPEN), errors.Is(err, sqlite3.NOMEM), errors.Is(err, sqlite3.INTERRUPT):
		return fmt.Errorf("%w: %w", myvault.ErrUnavailable, err)
	}
	return fmt.Errorf("%w file: it does not come from the earlier service: %w", myvault.ErrInvalid, err)
}

// The rows are read in table order and sorted here, because SQLite would collect all rows to sort
// them, without a limit.

func (f *contents) readProjects(db *sqlite3.Conn) error {
	isDefault := "0" // the first files lack the column
	err := each(db, `SELECT 1 FROM pragma_table_info('projects') WHERE name = 'is_default'`, func(*sqlite3.Stmt) error {
		isDefault = "is_default"
		return nil
	})
	if err != nil {
		return err
	}
	query := `SELECT name, description, created_at, created_by, ` + isDefault + ` FROM main.projects NOT INDEXED`
	err = each(db, query, func(row *sqlite3.Stmt) error {
		c, err := f.texts(row)
		if err == nil {
			f.projects = append(f.projects, projectRow{c[0], c[1], c[2], c[3], row.ColumnBool(4)})
		}
		return err
	})
	slices.SortStableFunc(f.projects, func(a, b projectRow) int { return cmp.Compare(a.name, b.name) })
	return err
}

func (f *contents) readSecrets(db *sqlite3.Conn) error {
	query := `SELECT project, path, encrypted_value, encryption_iv, encryption_tag, updated_at, updated_by FROM main.secrets NOT INDEXED`
	err := each(db, query, func(row *sqlite3.Stmt) error {
		c, err := f.texts(row)
		if err == nil {
			f.secrets = append(f.secrets, secretRow{c[0], c[1], c[2], c[3], c[4], c[5], c[6]})
		}
		return err
	})
	slices.SortStableFunc(f.secrets, func(a, b secretRow) int {
		return cmp.Or(cmp.Compare(a.project, b.project), cmp.Compare(a.path, b.path))
	})
	return err
}

// each calls f with every row, until it returns an error.
func each(db *sqlite3.Conn, query string, f func(*sqlite3.Stmt) error) error {
	stmt, _, err := db.Prepare(query)
	if err != nil {
		return err
	}
	for err == nil && stmt.Step() {
		err = f(stmt)
	}
	return errors.Join(err, stmt.Err(), stmt.Close())
}

// parseTime parses a time as SQLAlchemy writes it for SQLite, in UTC with a space for the T and
// without a zone, or as RFC 3339 defines it.
func parseTime(text string) (time.Time, error) {
	const date = len("2006-01-02")
	full := text
	if len(text) > date && text[date] == ' ' {
		full = text[:date] + "T" + text[date+1:]
	}
	for _, zone := range []string{"Z", ""} {
		if t, err := rfc3339.Parse(full + zone); err == nil {
			return t.Truncate(time.Microsecond), nil
		}
	}
	return time.Time{}, errors.New("its time is malformed")
}
