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

// The age of an entry is not read off the clock: one that is wrong for a minute would remove all
// entries, and an entry that it stamped with the year 2312 would keep all that follow. It is the
// time that the trail itself has seen pass behind the entry: the sum of the steps from each entry
// to the next. A step that is longer than stepOf, or goes back, counts for nothing. It may be a
// clock that was set. If it was a store that was not in use, entries stay longer.

// stepOf returns the longest step that counts towards an age.
func stepOf(age time.Duration) time.Duration { return min(24*time.Hour, age/16) }

// maxMarks bounds how many rows are looked at for one age.
const maxMarks = 1 << 14

// mark is an entry, by the time that it was stamped with.
type mark struct {
	seq uint64
	at  time.Time
}

// timeline measures time along the chain of accesses.
type timeline struct {
	c    *db.Conn
	step time.Duration
	left int // rows that may still be looked at
}

// olderThan returns the newest entry that is older than age; found: there is one. now bounds what
// the entry may say of itself: one that is younger by the clock stays.
func olderThan(c *db.Conn, age time.Duration, now time.Time) (seq uint64, found bool, err error) {
	l := timeline{c: c, step: stepOf(age), left: maxMarks}
	first, found, err := l.find(`seq >= ?1 ORDER BY seq`, 0)
	if err != nil || !found {
		return 0, false, err
	}
	head, err := ReadHead(c)
	if err != nil || head.Seq <= first.seq {
		return 0, false, err
	}
	m, _, found, err := l.olderBy(first, mark{head.Seq, head.At}, age)
	if err == errStop {
		return 0, false, nil // the clock went to and fro too often; the limit of size is left
	}
	young := !m.at.Before(now.Add(-age)) && !m.at.After(now)
	return m.seq, found && !young, err
}

// olderBy returns the newest entry from a up to b that lies more than age before b, or else how
// much time passed between the two. Few steps of it are longer than l.step, so it looks at rows
// in between only where it must.
func (l *timeline) olderBy(a, b mark, age time.Duration) (m mark, passed time.Duration, found bool, err error) {
	d := b.at.Sub(a.at)
	if -l.step <= d && d <= l.step {
		if passed = max(d, 0); passed <= age {
			return m, passed, false, nil
		}
		m, err = l.bisect(a, b, b.at.Add(-age))
		return m, passed, true, err
	}
	middle, found, err := l.rowBetween(a, b)
	if err != nil {
		return m, 0, false, err
	}
	if !found {
		return l.inRow(a, b, age)
	}
	m, right, found, err := l.olderBy(middle, b, age)
	if err != nil || found {
		return m, right, found, err
	}
	m, left, found, err := l.olderBy(a, middle, age-right)
	return m, left + right, found, err
}

// bisect returns the last row from a up to b that was stamped before a time, as a was.
func (l *timeline) bisect(a, b mark, before time.Time) (mark, error) {
	for {
		middle, found, err := l.rowBetween(a, b)
		if err != nil || !found {
			return a, err
		}
		if middle.at.Before(before) {
			a = middle
		} else {
			b = middle
		}
	}
}

// inRow is before for two entries between which no row begins.
func (l *timeline) inRow(a, b mark, age time.Duration) (m mark, passed time.Duration, found bool, err error) {
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

// rowBetween returns a row that begins between two entries, near the middle; found: there is one.
func (l *timeline) rowBetween(a, b mark) (m mark, found bool, err error) {
	m, found, err = l.find(`seq >= ?1 ORDER BY seq`, a.seq+(b.seq-a.seq+1)/2)
	if err == nil && (!found || m.seq >= b.seq) {
		m, found, err = l.find(`seq < ?1 ORDER BY seq DESC`, b.seq)
	}
	return m, found && a.seq < m.seq && m.seq < b.seq, err
}

// find returns the first entry of the row that a condition selects.
func (l *timeline) find(condition string, seq uint64) (m mark, found bool, err error) {
	if l.left--; l.left < 0 {
		return m, false, errStop
	}
	err = l.c.Each(`SELECT seq, substr(body, 4, 10) FROM batch WHERE `+condition+` LIMIT 1`, func(row *sqlite3.Stmt) error {
		m, found = mark{uint64(row.ColumnInt64(0)), firstAt(row.ColumnRawBlob(1))}, true
		return nil
	}, seq)
	return m, found, err
}

// firstAt returns the time of the first entry of a batch, by the flags and the number at its
// beginning; see packed.
func firstAt(b []byte) time.Time {
	if len(b) < 10 || binary.BigEndian.Uint16(b)&1 == 0 {
		return time.UnixMicro(0).UTC()
	}
	return time.UnixMicro(int64(binary.BigEndian.Uint64(b[2:]))).UTC()
}

// What entries call what was seen of the clock.
const (
	actionClock     = "clock"      // nothing else was recorded for half a step
	actionClockJump = "clock-jump" // the clock is not where it should be
)

// clockSlack is how far a clock may go wrong between two looks without being said to jump.
const clockSlack = 5 * time.Minute

// ClockWatch compares the clock with the time that passes while the process runs.
type ClockWatch struct {
	Age     time.Duration
	started bool
	wall    time.Time // at the last look, by the clock
	elapsed time.Duration
	newest  uint64        // the newest entry then
	since   time.Duration // when it was first seen
}

// look returns the entry to record: of a clock that has jumped, or for a trail in which nothing
// else was recorded for so long that its time would stop. elapsed is the time that has passed in
// this process, independent of the clock. The first look compares with the newest entry.
func (w *ClockWatch) look(head myvault.Head, wall time.Time, elapsed time.Duration) (e myvault.Entry, found bool) {
	step := stepOf(w.Age)
	slack := min(clockSlack, step)
	expected, latest := w.wall.Add(elapsed-w.elapsed), slack
	if !w.started {
		expected, latest = head.At, step
		w.newest, w.since = head.Seq, elapsed
	}
	off := wall.Sub(expected)
	jumped := off < -slack || off > latest
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

// pruneByAge removes what is older than the limit, and records what the clock did. Neither is done behind
// a failure: the next look tries again.
func (t *Trail) pruneByAge(ctx context.Context, w *ClockWatch, wall time.Time, elapsed time.Duration) {
	head, err := ledger.ReadChainHead(ctx, t.File.Readers.Snapshot, ReadHead)
	if err != nil || head.Seq == 0 {
		return
	}
	if e, found := w.look(head, wall, elapsed); found && t.Record(ctx, e) != nil {
		return
	}
	var upTo uint64
	var found bool
	err = t.File.Readers.Snapshot(ctx, func(c *db.Conn) (err error) {
		upTo, found, err = olderThan(c, w.Age, wall)
		return err
	})
	if err != nil || !found {
		return
	}
	p := &Pruning{Trail: t, Limit: Limit{UpTo: upTo}}
	_ = p.withPauses(ctx)
}
