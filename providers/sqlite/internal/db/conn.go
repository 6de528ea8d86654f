// Package db has the connections to a database file: their settings, files and statements.
package db

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/ncruces/go-sqlite3"
)

// The levels of PRAGMA synchronous. NORMAL loses acknowledged commits in a power cut; FULL
// does not. https://sqlite.org/pragma.html#pragma_synchronous
const (
	SyncNormal = 1
	SyncFull   = 2
)

const (
	BusyTimeout   = 10 * time.Second // how long a connection waits for another process
	ReaderCacheKB = 2 << 10
	WriterCacheKB = 16 << 10
)

// From checkpointAt pages on a write-ahead log is copied into its database; see checkpointer.
const (
	CheckpointPages = 4000
	BoundPages      = 4 * CheckpointPages
	LogBytes        = BoundPages << 12 // the size of a log of boundAt pages
)

// Conn is a connection with its prepared statements. One goroutine uses it at a time.
type Conn struct {
	*sqlite3.Conn
	files  *connFiles // nil: those of another file system
	stmts  map[string]*Statement
	Busy   time.Duration // how long a statement waits for another process; 0: not at all
	Broken bool          // it failed in a way that leaves its state unknown: close it

	SchemaChecked bool  // the schema is ours, as of schemaCookie; see file.checkSchema
	SchemaCookie  int64 // PRAGMA schema_version
}

// Wrap returns a connection that was opened by other means.
func Wrap(c *sqlite3.Conn) *Conn { return &Conn{Conn: c, stmts: map[string]*Statement{}} }

// Settings are what connections differ in.
type Settings struct {
	VFS         string // empty: the operating system's
	Synchronous int
	CacheKB     int
	ReadOnly    bool
	Busy        time.Duration
}

// Connect opens an existing database file in WAL mode and proves that its settings hold. When ctx
// ends, it no longer waits for another process.
func Connect(ctx context.Context, path string, s Settings) (*Conn, error) {
	var c *Conn
	files, err := newConnFiles(s.VFS)
	if err != nil {
		return nil, err
	}
	err = fault.Guard(func() error {
		db, err := sqlite3.OpenFlags(URI(path, files.name), sqlite3.OPEN_READWRITE|sqlite3.OPEN_URI)
		if err != nil {
			return err
		}
		c = &Conn{Conn: db, files: files, Busy: s.Busy, stmts: map[string]*Statement{}}
		outside := c.SetInterrupt(ctx)
		if err = c.configure(s); err == nil {
			err = directory.RestrictIndex(path)
		}
		if err != nil {
			return errors.Join(err, c.Close())
		}
		c.SetInterrupt(outside)
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, files.close())
	}
	return c, nil
}

// MarkBroken has the connection closed because of err. An engine that has stopped may be in the
// middle of anything, so its files are taken away from it.
func (c *Conn) MarkBroken(err error) {
	c.Broken = true
	if c.files != nil && errors.Is(err, fault.ErrEngine) {
		c.files.detach()
	}
}

// URI names a database file. The engine gives the write-ahead log the mode of the file
// that modeof names, in place of one that the umask decides.
func URI(path, vfs string) string {
	name := "file:" + escape(path) + "?modeof=" + escape(path)
	if vfs != "" {
		name += "&vfs=" + escape(vfs)
	}
	return name
}

// escape writes a part of a URI for SQLite, which reads %HH and, unlike others, takes a +
// for itself.
func escape(part string) string {
	return strings.ReplaceAll(url.QueryEscape(filepath.ToSlash(part)), "+", "%20")
}

// configure sets the connection up. What cannot be set is an error, never left as it was.
func (c *Conn) configure(s Settings) error {
	if err := c.BusyTimeout(c.Busy); err != nil {
		return err
	}
	if err := c.disableSchemaCode(); err != nil {
		return err
	}
	mode, err := c.Pragma("journal_mode=WAL")
	if err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("%w: journal mode %s", sqlite3.ERROR, mode)
	}
	// After journal_mode: entering WAL sets synchronous to NORMAL.
	settings := fmt.Sprintf(`PRAGMA synchronous=%d; PRAGMA cache_size=-%d; PRAGMA secure_delete=on;
		PRAGMA temp_store=memory; PRAGMA cell_size_check=on; PRAGMA mmap_size=0`, s.Synchronous, s.CacheKB)
	if s.ReadOnly {
		settings += `; PRAGMA query_only=on`
	} else {
		settings += fmt.Sprintf(`; PRAGMA journal_size_limit=%d`, LogBytes) // of a log that has started again
	}
	if err := errors.Join(c.Exec(settings), c.WALAutoCheckpoint(CheckpointPages)); err != nil {
		return err
	}
	got, err := c.Pragma("synchronous")
	if err == nil && got != fmt.Sprint(s.Synchronous) {
		err = fmt.Errorf("%w: synchronous is %s and must be %d", sqlite3.ERROR, got, s.Synchronous)
	}
	return err
}

// disableSchemaCode keeps what stands in the file's schema from running anything.
func (c *Conn) disableSchemaCode() error {
	for option, on := range map[sqlite3.DBConfig]bool{
		sqlite3.DBCONFIG_DEFENSIVE:      true,
		sqlite3.DBCONFIG_ENABLE_TRIGGER: false,
		sqlite3.DBCONFIG_ENABLE_VIEW:    false,
		sqlite3.DBCONFIG_DQS_DML:        false,
		sqlite3.DBCONFIG_TRUSTED_SCHEMA: false,
		sqlite3.DBCONFIG_ENABLE_FKEY:    false,
	} {
		if _, err := c.Config(option, on); err != nil {
			return err
		}
	}
	return nil
}

// ConfigureReadOnly sets up a connection that leaves the files as they are.
func (c *Conn) ConfigureReadOnly() error {
	if _, err := c.Config(sqlite3.DBCONFIG_NO_CKPT_ON_CLOSE, true); err != nil {
		return err
	}
	if err := c.disableSchemaCode(); err != nil {
		return err
	}
	// Exclusive mode keeps the index of the write-ahead log on the heap.
	return c.Exec(`PRAGMA locking_mode=EXCLUSIVE`)
}

// Pragma gives the first column of the first row that a pragma answers.
func (c *Conn) Pragma(text string) (string, error) {
	stmt, _, err := c.Prepare("PRAGMA " + text)
	if err != nil {
		return "", err
	}
	defer stmt.Close()
	if !stmt.Step() {
		return "", errors.Join(stmt.Err(), fmt.Errorf("%w: pragma without an answer", sqlite3.ERROR))
	}
	return stmt.ColumnText(0), nil
}

// Run executes a statement that gives no rows.
func (c *Conn) Run(sql string, args ...any) error {
	return c.Each(sql, func(*sqlite3.Stmt) error { return nil }, args...)
}

// Each calls row for every row of a query. An error of row ends it. What a column gives
// raw is valid until row returns.
func (c *Conn) Each(sql string, row func(*sqlite3.Stmt) error, args ...any) (err error) {
	stmt, err := c.prepared(sql)
	if err != nil {
		return err
	}
	ended := false
	defer func() {
		if !ended {
			return // a panic: a reset could go on with what the engine was doing
		}
		// Reset repeats the error of the last step.
		if reset := stmt.Reset(); err == nil {
			err = reset
		}
		stmt.bound = nil
		if clear := stmt.ClearBindings(); err == nil {
			err = clear
		}
	}()
	if err = stepAll(stmt.Stmt, row, args); err == nil {
		err = c.checkOneRow(stmt)
	}
	ended = true
	return err
}

func stepAll(stmt *sqlite3.Stmt, row func(*sqlite3.Stmt) error, args []any) error {
	for i, arg := range args {
		if err := bind(stmt, i+1, arg); err != nil {
			return err
		}
	}
	for stmt.Step() {
		if err := row(stmt); err != nil {
			return err
		}
	}
	return stmt.Err()
}

// checkOneRow fails unless a statement that inserts or updates has changed exactly one row, as every
// such statement of this package does. What is planted in a file may have the engine pass over it.
func (c *Conn) checkOneRow(stmt *Statement) error {
	if !stmt.oneRow {
		return nil
	}
	if n := c.Changes(); n != 1 {
		return fault.Tampered("a write of one row has changed %d; the file is not what it was made as; restore a backup", n)
	}
	return nil
}

// prepared gives the statement, prepared once for each connection.
func (c *Conn) prepared(sql string) (*Statement, error) {
	if stmt := c.stmts[sql]; stmt != nil {
		return stmt, nil
	}
	stmt, _, err := c.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, err
	}
	s := &Statement{Stmt: stmt, oneRow: strings.HasPrefix(sql, "INSERT") || strings.HasPrefix(sql, "UPDATE")}
	c.stmts[sql] = s
	return s, nil
}

func bind(stmt *sqlite3.Stmt, i int, arg any) error {
	switch v := arg.(type) {
	case nil:
		return stmt.BindNull(i)
	case int64:
		return stmt.BindInt64(i, v)
	case int:
		return stmt.BindInt(i, v)
	case uint64:
		return stmt.BindInt64(i, int64(v))
	case uint32:
		return stmt.BindInt64(i, int64(v))
	case bool:
		return stmt.BindBool(i, v)
	case string:
		return stmt.BindText(i, v)
	case []byte:
		return stmt.BindBlob(i, v)
	}
	return fmt.Errorf("%w: cannot bind %T", sqlite3.MISUSE, arg)
}

// Close closes the connection, and rolls back what it had begun.
func (c *Conn) Close() error {
	err := fault.Guard(func() error {
		for _, stmt := range c.stmts {
			_ = stmt.Close() // it repeats the error of its last step
		}
		c.stmts = nil
		return c.Conn.Close()
	})
	if c.files != nil {
		err = errors.Join(err, c.files.close())
	}
	return err
}
