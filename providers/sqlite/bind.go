package sqlite

import (
	"time"

	"github.com/ncruces/go-sqlite3"
)

// binder binds the parameters of a statement from the first to the last. It takes values
// as they are: in an interface each would be allocated.
type binder struct {
	stmt *sqlite3.Stmt
	n    int
	err  error
}

func (b *binder) done(err error) {
	if b.err == nil {
		b.err = err
	}
}

func (b *binder) int(v int64) {
	b.n++
	b.done(b.stmt.BindInt64(b.n, v))
}

func (b *binder) text(v string) {
	b.n++
	b.done(b.stmt.BindText(b.n, v))
}

func (b *binder) blob(v []byte) {
	b.n++
	b.done(b.stmt.BindBlob(b.n, v)) // NULL for nil
}

func (b *binder) null() {
	b.n++
	b.done(b.stmt.BindNull(b.n))
}

func (b *binder) time(v time.Time) { b.int(v.UnixMicro()) }

// optional binds NULL for no time.
func (b *binder) optional(v time.Time) {
	if v.IsZero() {
		b.null()
		return
	}
	b.time(v)
}

// textUnless and intUnless bind NULL for the usual value.
func (b *binder) textUnless(v, usual string) {
	if v == usual {
		b.null()
		return
	}
	b.text(v)
}

func (b *binder) intUnless(v, usual int64) {
	if v == usual {
		b.null()
		return
	}
	b.int(v)
}

// write runs a statement that gives no rows and whose parameters bind binds, all of them;
// nil where it has none. They stay bound until the next time.
func (c *conn) write(sql string, bind func(*binder)) error {
	stmt, err := c.prepared(sql)
	if err != nil {
		return err
	}
	if bind != nil {
		b := binder{stmt: stmt}
		if bind(&b); b.err != nil {
			return b.err
		}
	}
	stmt.Step()
	return stmt.Reset() // it repeats the error of the step
}

// read steps through the rows of a query whose parameters bind binds, all of them, and
// calls row for each, as each does.
func (c *conn) read(sql string, bind func(*binder), row func(*sqlite3.Stmt) error) error {
	stmt, err := c.prepared(sql)
	if err != nil {
		return err
	}
	b := binder{stmt: stmt}
	if bind(&b); b.err != nil {
		return b.err
	}
	for err == nil && stmt.Step() {
		err = row(stmt)
	}
	// Not reached after a panic of the engine. It repeats the error of the step.
	if reset := stmt.Reset(); err == nil {
		err = reset
	}
	return err
}
