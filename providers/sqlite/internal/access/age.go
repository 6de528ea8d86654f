package access

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
)

// The age of an entry is not computed from the clock. A clock that is wrong for a minute could
// then remove all entries, and an entry with the year 2312 would keep all that follow. The age is
// the sum of the steps from each entry to the next. A step that is negative or longer than maxStep
// counts as zero, because the clock may have been set. If instead the store was not in use, entries
// are kept longer.

// maxStep returns the longest step that counts towards an age.
func maxStep(age time.Duration) time.Duration { return min(24*time.Hour, age/16) }

// maxRows limits the rows that are read to find the entries of an age.
const maxRows = 1 << 14

// mark is an entry and its time.
type mark struct {
	seq uint64
	at  time.Time
}

// timeline measures time along the chain of accesses.
type timeline struct {
	c        *db.Conn
	step     time.Duration
	rowsLeft int // rows that may still be read
}

// olderThan returns the newest entry that is older than age. An entry that is younger by the clock,
// whose time is now, does not count.
func olderThan(c *db.Conn, age time.Duration, now time.Time) (seq uint64, found bool, err error) {
	l := timeline{c: c, step: maxStep(age), rowsLeft: maxRows}
	first, found, err := l.find(`seq >= ?1 ORDER BY seq`, 0)
	if err != nil || !found {
		return 0, false, err
	}
	head, err := ReadHead(c)
	if err != nil || head.Seq <= first.seq {
		return 0, false, err
	}
	m, _, found, err := l.before(first, mark{head.Seq, head.At}, age)
	if err == errStop {
		return 0, false, nil // too many jumps of the clock; only MaxBytes limits this trail
	}
	young := !m.at.Before(now.Add(-age)) && !m.at.After(now)
	return m.seq, found && !young, err
}

// before returns the newest entry from a up to b that is more than age older than b. If there is
// none, passed is the time between a and b. It reads rows in between only if a and b are further
// apart than l.step.
func (l *timeline) before(a, b mark, age time.Duration) (m mark, passed time.Duration, found bool, err error) {
	d := b.at.Sub(a.at)
	if -l.step <= d && d <= l.step {
		if passed = max(d, 0); passed <= age {
			return m, passed, false, nil
		}
		m, err = l.bisect(a, b, b.at.Add(-age))
		return m, passed, true, err
	}
	middle, found, err := l.between(a, b)
	if err != nil {
		return m, 0, false, err
	}
	if !found {
		return l.beforeInRow(a, b, age)
	}
	m, right, found, err := l.before(middle, b, age)
	if err != nil || found {
		return m, right, found, err
	}
	m, left, found, err := l.before(a, middle, age-right)
	return m, left + right, found, err
}

// bisect returns the last row from a up to b whose time is before limit, as that of a is.
func (l *timeline) bisect(a, b mark, limit time.Time) (mark, error) {
	for {
		middle, found, err := l.between(a, b)
		if err != nil || !found {
			return a, err
		}
		if middle.at.Before(limit) {
			a = middle
		} else {
			b = middle
		}
	}
}

// beforeInRow is before for two entries between which no row begins.
func (l *timeline) beforeInRow(a, b mark, age time.Duration) (m mark, passed time.Duration, found bool, err error) {
	r, found, err := readBatch(l.c, `SELECT seq, body FROM batch WHERE seq = ?1`, a.seq)
	if err != nil {
		return m, 0, false, err
	}
	entries := []myvault.Entry{{Seq: a.seq, At: a.at}}
	if found {
		entries = r.entries
	}
	for i := len(entries) - 1; i >= 0; i-- {
		m = mark{entries[i].Seq, entries[i].At}
		if m.seq >= b.seq {
			continue
		}
		if d := b.at.Sub(m.at); 0 < d && d <= l.step {
			passed += d
		}
		if passed > age {
			return m, passed, true, nil
		}
		b = m
	}
	return m, passed, false, nil
}

// between returns a row that begins between a and b, near the middle.
func (l *timeline) between(a, b mark) (m mark, found bool, err error) {
	m, found, err = l.find(`seq >= ?1 ORDER BY seq`, a.seq+(b.seq-a.seq+1)/2)
	if err == nil && (!found || m.seq >= b.seq) {
		m, found, err = l.find(`seq < ?1 ORDER BY seq DESC`, b.seq)
	}
	return m, found && a.seq < m.seq && m.seq < b.seq, err
}

// find returns the first entry of the row that condition selects.
func (l *timeline) find(condition string, seq uint64) (m mark, found bool, err error) {
	if l.rowsLeft--; l.rowsLeft < 0 {
		return m, false, errStop
	}
	err = l.c.Each(`SELECT seq, substr(body, 4, 10) FROM batch WHERE `+condition+` LIMIT 1`, func(row *sqlite3.Stmt) error {
		m, found = mark{uint64(row.ColumnInt64(0)), firstAt(row.ColumnRawBlob(1))}, true
		return nil
	}, seq)
	return m, found, err
}

// firstAt returns the time of the first entry of a batch. b begins with its flags; the time follows
// if its flag is set, see Batch.Add.
func firstAt(b []byte) time.Time {
	if len(b) < 10 || binary.BigEndian.Uint16(b)&1 == 0 {
		return time.UnixMicro(0).UTC()
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64(b[2:]))).UTC()
}

// Actions of entries about the clock.
const (
	actionClock     = "clock"      // no other entry was recorded for half a step
	actionClockJump = "clock-jump" // the clock differs from the expected time
)

// maxClockDrift is the difference between two checks that is not recorded as a jump.
const maxClockDrift = 5 * time.Minute

// clockWatch compares the wall clock with the time that passes in this process.
type clockWatch struct {
	age     time.Duration
	started bool
	wall    time.Time     // the clock at the last check
	elapsed time.Duration // at the last check
	newest  uint64        // the newest entry at the last check
	since   time.Duration // when newest was first seen
}

// check returns the entry to record, if the clock has jumped or if no entry was recorded for half a
// step: longer steps would not count towards ages. elapsed is the time that has passed in this
// process, independent of the clock. The first check compares the clock with the newest entry.
func (w *clockWatch) check(head myvault.Head, wall time.Time, elapsed time.Duration) (e myvault.Entry, found bool) {
	step := maxStep(w.age)
	slack := min(maxClockDrift, step)
	expected, maxAhead := w.wall.Add(elapsed-w.elapsed), slack
	if !w.started {
		expected, maxAhead = head.At, step
		w.newest, w.since = head.Seq, elapsed
	}
	off := wall.Sub(expected)
	jumped := off < -slack || off > maxAhead
	if head.Seq != w.newest {
		w.newest, w.since = head.Seq, elapsed
	}
	idle := elapsed-w.since >= step/2
	w.started, w.wall, w.elapsed = true, wall, elapsed
	e = myvault.Entry{Via: ViaOperator, Action: actionClock, At: wall, First: head.At, Last: wall}
	if jumped {
		e.Action, e.First = actionClockJump, expected
	}
	return e, jumped || idle
}

// enforceAge records what w finds and removes entries older than w.Age. On a failure it stops, and
// the next call tries again.
func (t *Trail) enforceAge(ctx context.Context, w *clockWatch, wall time.Time, elapsed time.Duration) {
	head, err := ledger.ReadChainHead(ctx, t.File.Readers.Snapshot, ReadHead)
	if err != nil || head.Seq == 0 {
		return
	}
	if e, found := w.check(head, wall, elapsed); found && t.Record(ctx, e) != nil {
		return
	}
	var upTo uint64
	var found bool
	err = t.File.Readers.Snapshot(ctx, func(c *db.Conn) (err error) {
		upTo, found, err = olderThan(c, w.age, wall)
		return err
	})
	if err != nil || !found {
		return
	}
	p := &pruning{Trail: t, limit: Limit{UpTo: upTo}}
	_ = p.runPaced(ctx)
}
