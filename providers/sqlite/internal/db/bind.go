package db

import (
	"time"

	"github.com/ncruces/go-sqlite3"
)

// Statement is prepared once for each connection.
type Statement struct {
	*sqlite3.Stmt
	bound  []bound // to the parameters, as far as they have been bound by a binder
	oneRow bool    // it inserts or updates, and so must change exactly one row
}

// bound is what a parameter has. Texts and numbers of entries and changes are mostly those of
// the one before, and to bind a text takes the engine longer than to find that out.
type bound struct {
	what boundAs
	n    int64
	text string
}

type boundAs uint8

const (
	boundUnknown boundAs = iota
	boundNull
	boundInt
	boundText
)

// Binder binds the parameters of a statement from the first to the last. It takes values
// as they are: in an interface each would be allocated.
type Binder struct {
	*Statement
	n   int
	err error
}

// unchanged reports whether the next parameter has that already, and notes that it is to have it.
func (b *Binder) unchanged(v bound) bool {
	b.n++
	if b.n > len(b.bound) {
		b.bound = append(b.bound, v)
		return false
	}
	had := &b.bound[b.n-1]
	if v.what != boundUnknown && *had == v {
		return true
	}
	*had = v
	return false
}

func (b *Binder) done(err error) {
	if err != nil {
		b.bound[b.n-1] = bound{}
	}
	if b.err == nil {
		b.err = err
	}
}

func (b *Binder) Int(v int64) {
	if !b.unchanged(bound{what: boundInt, n: v}) {
		b.done(b.BindInt64(b.n, v))
	}
}

func (b *Binder) Text(v string) {
	if !b.unchanged(bound{what: boundText, text: v}) {
		b.done(b.BindText(b.n, v))
	}
}

func (b *Binder) Blob(v []byte) {
	if v == nil {
		b.null()
		return
	}
	b.unchanged(bound{})
	b.done(b.BindBlob(b.n, v))
}

func (b *Binder) null() {
	if !b.unchanged(bound{what: boundNull}) {
		b.done(b.BindNull(b.n))
	}
}

func (b *Binder) Time(v time.Time) { b.Int(v.UnixMicro()) }

// Optional binds NULL for no time.
func (b *Binder) Optional(v time.Time) {
	if v.IsZero() {
		b.null()
		return
	}
	b.Time(v)
}

// TextUnless and intUnless bind NULL for the usual value.
func (b *Binder) TextUnless(v, usual string) {
	if v == usual {
		b.null()
		return
	}
	b.Text(v)
}

func (b *Binder) IntUnless(v, usual int64) {
	if v == usual {
		b.null()
		return
	}
	b.Int(v)
}

// Write runs a statement that gives no rows and whose parameters bind binds, all of them;
// nil where it has none. They stay bound until the next time.
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
	if err := stmt.end(nil); err != nil {
		return err
	}
	return c.checkOneRow(stmt)
}

// Read steps through the rows of a query whose parameters bind binds, all of them, and
// calls row for each, as each does.
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
	return stmt.end(err) // not reached after a panic of the engine
}

// end makes the statement ready for the next time, and gives err, or else the error of the
// last step. Resetting repeats that only where the engine has made the step: a connection
// whose context has ended refuses it, and would be taken for one that found no more rows.
func (s *Statement) end(err error) error {
	if err == nil {
		err = s.Err()
	}
	if reset := s.Reset(); err == nil {
		err = reset
	}
	return err
}
