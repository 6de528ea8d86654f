package db

import (
	"fmt"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// Statement is a prepared statement. A connection prepares each once and keeps it.
type Statement struct {
	*sqlite3.Stmt
	oneRow bool // an INSERT or UPDATE, which must change exactly one row
}

// Binder binds the parameters of a statement from the first to the last. Its methods take
// concrete types, because converting a value to an interface allocates.
type Binder struct {
	*Statement
	n   int
	err error // the first one
}

// Int binds a number.
func (b *Binder) Int(v int64) {
	b.n++
	if b.err == nil {
		b.err = b.BindInt64(b.n, v)
	}
}

// Text binds a text.
func (b *Binder) Text(v string) {
	b.n++
	if b.err == nil {
		b.err = b.BindText(b.n, v)
	}
}

// Blob binds bytes, or NULL if v is nil.
func (b *Binder) Blob(v []byte) {
	if v == nil {
		b.null()
		return
	}
	b.n++
	if b.err == nil {
		b.err = b.BindBlob(b.n, v)
	}
}

func (b *Binder) null() {
	b.n++
	if b.err == nil {
		b.err = b.BindNull(b.n)
	}
}

// Time binds a time as microseconds since 1970.
func (b *Binder) Time(v time.Time) { b.Int(v.UnixMicro()) }

// Optional binds a time, or NULL if v is zero.
func (b *Binder) Optional(v time.Time) {
	if v.IsZero() {
		b.null()
		return
	}
	b.Time(v)
}

// TextUnless binds a text, or NULL if v is the usual value.
func (b *Binder) TextUnless(v, usual string) {
	if v == usual {
		b.null()
		return
	}
	b.Text(v)
}

// IntUnless binds a number, or NULL if v is the usual value.
func (b *Binder) IntUnless(v, usual int64) {
	if v == usual {
		b.null()
		return
	}
	b.Int(v)
}

// Write runs a statement that returns no rows. bind binds all parameters, and is nil if there are
// none. They stay bound until the next call.
func (c *Conn) Write(sql string, bind func(*Binder)) error {
	stmt, err := c.prepared(sql)
	if err != nil {
		return err
	}
	if bind != nil {
		b := Binder{Statement: stmt}
		if bind(&b); b.err != nil {
			return b.err
		}
	}
	stmt.Step()
	if err := stmt.finish(nil); err != nil {
		return err
	}
	return c.checkOneRow(stmt)
}

// Read calls row for every row of a query, as Each does. bind binds all parameters.
func (c *Conn) Read(sql string, bind func(*Binder), row func(*sqlite3.Stmt) error) error {
	stmt, err := c.prepared(sql)
	if err != nil {
		return err
	}
	b := Binder{Statement: stmt}
	if bind(&b); b.err != nil {
		return b.err
	}
	for err == nil && stmt.Step() {
		err = row(stmt.Stmt)
	}
	return stmt.finish(err) // not deferred: after a panic of the engine, a reset is unsafe
}

// finish resets the statement and returns err or, if that is nil, the error of the last step.
// Reset repeats that error only if the engine ran the step. If the connection's context has
// ended, the step is refused, and Reset alone would make that look like the end of the rows.
func (s *Statement) finish(err error) error {
	if err == nil {
		err = s.Err()
	}
	if reset := s.Reset(); err == nil {
		err = reset
	}
	return err
}

// Run executes a statement and ignores its rows.
func (c *Conn) Run(sql string, args ...any) error {
	return c.Each(sql, func(*sqlite3.Stmt) error { return nil }, args...)
}

// Each calls row for every row of a query until row returns an error. The bytes of ColumnRawBlob
// and ColumnRawText are valid until row returns.
func (c *Conn) Each(sql string, row func(*sqlite3.Stmt) error, args ...any) (err error) {
	stmt, err := c.prepared(sql)
	if err != nil {
		return err
	}
	ended := false
	defer func() {
		if !ended {
			return // a panic: a reset could resume the interrupted operation of the engine
		}
		// Reset repeats the error of the last step.
		if reset := stmt.Reset(); err == nil {
			err = reset
		}
		if cleared := stmt.ClearBindings(); err == nil {
			err = cleared
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

// checkOneRow returns ErrTampered if an INSERT or UPDATE did not change exactly one row, as every
// such statement of the store does. A manipulated file can make SQLite skip the write.
func (c *Conn) checkOneRow(stmt *Statement) error {
	if !stmt.oneRow {
		return nil
	}
	if n := c.Changes(); n != 1 {
		return fault.Tampered("a write of one row changed %d rows: the file was manipulated; restore a backup", n)
	}
	return nil
}

// prepared returns the prepared statement of sql, and prepares it at the first call.
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
