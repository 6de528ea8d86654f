// Package db opens connections to a SQLite file. It applies their settings, detaches their files
// after a failure of the engine, and runs prepared statements, queries and transactions. It knows
// the table meta, but no other table, no keys and no checkpoints.
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

// BusyTimeout bounds the wait for a lock of another process.
const BusyTimeout = 10 * time.Second

// ReaderCacheKB and WriterCacheKB are the page cache sizes of a reader and a writer, in KiB.
const (
	ReaderCacheKB = 2 << 10
	WriterCacheKB = 16 << 10
)

// The sizes of a write-ahead log at which package wal checkpoints it.
const (
	CheckpointPages = 4000                // checkpoint in the background
	BoundPages      = 4 * CheckpointPages // the writer runs the checkpoint
	LogBytes        = BoundPages << 12    // the size of a log of BoundPages
)

// Conn is a connection with its prepared statements. One goroutine uses it at a time.
type Conn struct {
	*sqlite3.Conn
	files  *connFiles // nil if the connection came from Wrap
	stmts  map[string]*Statement
	Busy   time.Duration // how long a statement waits for a lock; 0: not at all
	Broken bool          // its state is unknown after a failure: close it

	SchemaChecked bool  // the schema was checked at SchemaCookie; see wal.File.CheckSchema
	SchemaCookie  int64 // PRAGMA schema_version
}

// Wrap returns a Conn for a connection that the caller has opened.
func Wrap(c *sqlite3.Conn) *Conn { return &Conn{Conn: c, stmts: map[string]*Statement{}} }

// Settings are the settings in which connections differ.
type Settings struct {
	VFS         string // empty: the operating system's
	Synchronous int
	CacheKB     int
	ReadOnly    bool
	Busy        time.Duration
}

// Connect opens an existing database file in WAL mode and verifies its settings. It stops waiting
// for another process when ctx ends.
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
		previous := c.SetInterrupt(ctx)
		if err = c.configure(s); err == nil {
			err = directory.RestrictSharedMemory(path)
		}
		if err != nil {
			return errors.Join(err, c.Close())
		}
		c.SetInterrupt(previous)
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, files.close())
	}
	return c, nil
}

// MarkBroken marks the connection for closing because of err. If the engine has panicked, it may
// be in the middle of a write, so its files are detached.
func (c *Conn) MarkBroken(err error) {
	c.Broken = true
	if c.files != nil && errors.Is(err, fault.ErrEngine) {
		c.files.detach()
	}
}

// URI returns the URI of a database file. Its parameter modeof makes SQLite create the
// write-ahead log with the mode of the database file. Without it, the umask decides.
func URI(path, vfs string) string {
	name := "file:" + escape(path) + "?modeof=" + escape(path)
	if vfs != "" {
		name += "&vfs=" + escape(vfs)
	}
	return name
}

// escape escapes a part of a URI for SQLite, which decodes %HH but reads + as a plus sign.
func escape(part string) string {
	return strings.ReplaceAll(url.QueryEscape(filepath.ToSlash(part)), "+", "%20")
}

// configure applies the settings. A setting that cannot be applied is an error.
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
		// SQLite truncates the log to this size when it restarts at its beginning.
		settings += fmt.Sprintf(`; PRAGMA journal_size_limit=%d`, LogBytes)
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

// disableSchemaCode prevents SQLite from running code in the file's schema, such as triggers.
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

// Pragma returns the first column of a pragma's first row.
func (c *Conn) Pragma(text string) (string, error) {
	stmt, _, err := c.Prepare("PRAGMA " + text)
	if err != nil {
		return "", err
	}
	defer stmt.Close()
	if !stmt.Step() {
		return "", errors.Join(stmt.Err(), fmt.Errorf("%w: the pragma returned no row", sqlite3.ERROR))
	}
	return stmt.ColumnText(0), nil
}

// Close closes the connection. An open transaction is rolled back.
func (c *Conn) Close() error {
	err := fault.Guard(func() error {
		for _, stmt := range c.stmts {
			_ = stmt.Close() // its error is that of the last step
		}
		c.stmts = nil
		return c.Conn.Close()
	})
	if c.files != nil {
		err = errors.Join(err, c.files.close())
	}
	return err
}
