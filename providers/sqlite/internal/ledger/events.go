package ledger

import (
	"errors"

	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
)

// errLimit ends a walk that has read enough.
var errLimit = errors.New("limit reached")

// Events returns the commits in the log rows after one seq, up to and including another, but none
// after the commit that completes limit changes. Both rows must be the last of commits.
// The log does not say where a commit ends: rows in sequence by one service at one time count as
// one commit. The events have no Position.
func Events(c *db.Conn, k *keyring.Ring, after, upTo uint64, limit int) (events []myvault.Event, err error) {
	next := after + 1
	err = c.Each(`SELECT `+LogColumns+` FROM log l WHERE l.seq > ?1 AND l.seq <= ?2 ORDER BY l.seq`, func(row *sqlite3.Stmt) error {
		r := ScanLog(row)
		if err := r.CheckMAC(k); err != nil {
			return err
		}
		if r.Entry.Seq != next {
			return missing(next)
		}
		last := len(events) - 1
		if last < 0 || !events[last].At.Equal(r.At) || events[last].By != r.Author {
			if next-after > uint64(limit) {
				return errLimit
			}
			events = append(events, myvault.Event{At: r.At, By: r.Author})
			last++
		}
		next++
		events[last].Changes = append(events[last].Changes, r.change())
		return nil
	}, after, upTo)
	if errors.Is(err, errLimit) {
		return events, nil
	}
	if err == nil && next != upTo+1 {
		err = missing(next)
	}
	return events, err
}

func missing(seq uint64) error {
	return &fault.BadEntry{Chain: myvault.ChainChanges, Seq: seq, Reason: "it is missing"}
}

// change returns what the row did to a version.
func (r *LogRow) change() myvault.VersionChange {
	c := myvault.VersionChange{Address: r.Entry.Address, Version: r.Entry.Version}
	switch r.Op {
	case myvault.OpPut, myvault.OpUndelete:
		c.State = myvault.Live
	case myvault.OpDelete:
		c.State = myvault.Deleted
	case myvault.OpDestroy:
		c.State = myvault.Destroyed
	}
	return c
}
