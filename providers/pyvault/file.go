package pyvault

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/readonly"
	"github.com/myswiftagent/myvault/internal/rfc3339"
)

// contents is what stands in the file, as text.
type contents struct {
	projects []projectRow
	secrets  []secretRow
}

type projectRow struct {
	name, description, at, by string
	isDefault                 bool
}

type secretRow struct {
	project, path, value, iv, tag, at, by string
}

// steady calls read, and refuses what somebody wrote meanwhile: the file is read without a lock.
func steady(path string, read func() error) error {
	before, err := look(path)
	if err != nil {
		return err
	}
	if before.unfinished {
		return fmt.Errorf("%w: a change of the file is not finished; stop the service, and start and stop it once if it was cut off", myvault.ErrUnavailable)
	}
	if err := read(); err != nil {
		return err
	}
	after, err := look(path)
	if err == nil && after != before {
		err = fmt.Errorf("%w: the file was written while it was read; stop the service", myvault.ErrUnavailable)
	}
	return err
}

// state tells one state of the file from another.
type state struct {
	size, changed, logSize, logChanged int64
	unfinished                         bool // there is a journal to roll back
}

func look(path string) (s state, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return s, cause(err)
	}
	if !info.Mode().IsRegular() {
		return s, fmt.Errorf("%w: it is no file", myvault.ErrInvalid)
	}
	s.size, s.changed = info.Size(), info.ModTime().UnixNano()
	if info, err := os.Stat(path + "-wal"); err == nil {
		s.logSize, s.logChanged = info.Size(), info.ModTime().UnixNano()
	}
	if info, err := os.Stat(path + "-journal"); err == nil {
		s.unfinished = info.Size() > 0
	}
	return s, nil
}

// cause gives an error of the operating system without the path.
func cause(err error) error {
	if named, ok := errors.AsType[*fs.PathError](err); ok {
		err = named.Err
	}
	return fmt.Errorf("%w: %w", myvault.ErrUnavailable, err)
}

func readFile(ctx context.Context, path string) (f contents, err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return f, err
	}
	name := "file:" + strings.ReplaceAll(url.QueryEscape(filepath.ToSlash(path)), "+", "%20") + "?vfs=" + readonly.VFS()
	db, err := sqlite3.OpenFlags(name, sqlite3.OPEN_READONLY|sqlite3.OPEN_URI)
	if err != nil {
		return f, failure(err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	defer db.SetInterrupt(db.SetInterrupt(ctx))
	if err := distrust(db); err != nil {
		return f, failure(err)
	}
	if err := f.readProjects(db); err != nil {
		return f, failure(err)
	}
	return f, failure(f.readSecrets(db))
}

// distrust keeps what stands in the schema from running, and the log of the file from being
// brought in. Exclusive mode keeps the log's index on the heap.
func distrust(db *sqlite3.Conn) error {
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
	return db.Exec(`PRAGMA locking_mode=EXCLUSIVE`)
}

// failure gives errors of the engine the meaning that they have for the caller.
func failure(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sqlite3.IOERR), errors.Is(err, sqlite3.CANTOPEN), errors.Is(err, sqlite3.NOMEM), errors.Is(err, sqlite3.INTERRUPT):
		return fmt.Errorf("%w: %w", myvault.ErrUnavailable, err)
	}
	return fmt.Errorf("%w file: it is not one of the earlier service: %w", myvault.ErrInvalid, err)
}

func (f *contents) readProjects(db *sqlite3.Conn) error {
	isDefault := "0" // the first files have no such column
	err := each(db, `SELECT 1 FROM pragma_table_info('projects') WHERE name = 'is_default'`, func(*sqlite3.Stmt) {
		isDefault = "is_default"
	})
	if err != nil {
		return err
	}
	query := `SELECT name, description, created_at, created_by, ` + isDefault + ` FROM projects ORDER BY name`
	return each(db, query, func(row *sqlite3.Stmt) {
		f.projects = append(f.projects, projectRow{
			row.ColumnText(0), row.ColumnText(1), row.ColumnText(2), row.ColumnText(3), row.ColumnBool(4),
		})
	})
}

func (f *contents) readSecrets(db *sqlite3.Conn) error {
	query := `SELECT project, path, encrypted_value, encryption_iv, encryption_tag, updated_at, updated_by FROM secrets ORDER BY project, path, id`
	return each(db, query, func(row *sqlite3.Stmt) {
		f.secrets = append(f.secrets, secretRow{
			row.ColumnText(0), row.ColumnText(1), row.ColumnText(2), row.ColumnText(3), row.ColumnText(4), row.ColumnText(5), row.ColumnText(6),
		})
	})
}

func each(db *sqlite3.Conn, query string, take func(*sqlite3.Stmt)) error {
	stmt, _, err := db.Prepare(query)
	if err != nil {
		return err
	}
	for stmt.Step() {
		take(stmt)
	}
	return errors.Join(stmt.Err(), stmt.Close())
}

// parseTime reads a time as SQLAlchemy writes it for SQLite, with a blank for the T and without a zone,
// in UTC; or one of RFC 3339.
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
