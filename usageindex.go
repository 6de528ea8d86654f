package myvault

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"
)

const (
	maxUsageWalk = 10_000    // entries that one question looks at
	maxLastReads = 1_000_000 // secrets of which the index knows the last read; they take about 100 MB
)

// usageIndex knows when each secret was last read, from the entries of reads. It begins empty
// and is brought forward by those who ask, each a bounded number of entries; so the trail keeps
// nothing for it, and writing an entry costs what it did.
//
// The entries from top down to bottom were looked at. Those that came since are walked from the
// newest down to top, in several steps where they are many: gapTop down to gap is done of them.
type usageIndex struct {
	turn chan struct{} // holds one while somebody works on what follows

	reads    map[secretID]lastRead
	limit    int
	services []string // whose reads they are
	known    map[string]int32
	top      uint64 // 0: nothing was looked at
	bottom   uint64 // 1: there is nothing below
	gapTop   uint64
	gap      uint64    // 0: there is no gap
	oldest   time.Time // from here on all was looked at: the time of the entry at bottom
	last     time.Time // of the entry that was looked at last
	floor    int64     // reads up to this time were forgotten, in microseconds; 0: none was
}

// secretID is a digest of an address: a quarter of what the names take.
type secretID [16]byte

func secretIDOf(addr Address) secretID {
	sum := sha256.Sum256([]byte(addr.Project + "\x00" + addr.Path))
	return secretID(sum[:16])
}

// lastRead is the newest read of a secret.
type lastRead struct {
	at int64 // in microseconds
	by int32 // in services
}

func newUsageIndex() *usageIndex {
	return &usageIndex{
		turn: make(chan struct{}, 1), reads: make(map[secretID]lastRead), limit: maxLastReads, known: make(map[string]int32),
	}
}

// lock waits for its turn, or for the end of ctx.
func (x *usageIndex) lock(ctx context.Context) error {
	select {
	case x.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (x *usageIndex) unlock() { <-x.turn }

// forward looks at entries that it does not know, the new ones first. done is false where some
// are left for another time.
func (x *usageIndex) forward(ctx context.Context, trail Trail) (done bool, err error) {
	w := walk{usageIndex: x, trail: trail, budget: maxUsageWalk}
	if x.top == 0 {
		x.top, x.bottom, err = w.down(ctx, 0, 0)
		return err == nil && x.complete(), err
	}
	for again := true; again; {
		again = x.gap != 0 // what came while the gap was open is next
		newest, reached, err := w.down(ctx, x.gap, x.top)
		if x.gap == 0 {
			x.gapTop = newest
		}
		if x.gap = reached; err != nil || w.cut {
			return false, err
		}
		x.top, x.gapTop, x.gap = max(x.top, x.gapTop), 0, 0
	}
	if !x.complete() {
		_, x.bottom, err = w.down(ctx, x.bottom, 0)
	}
	return err == nil && x.complete(), err
}

// complete reports whether there is nothing below that should be looked at.
func (x *usageIndex) complete() bool { return x.bottom <= 1 || x.floor != 0 }

// walk is one question's share of the work.
type walk struct {
	*usageIndex
	trail  Trail
	budget int  // of entries
	cut    bool // the budget did not last
}

// down looks at the entries below a sequence, 0 for all, the newest first, until those that are known. It
// gives the newest and the last one that it came to, after an error too.
func (w *walk) down(ctx context.Context, below, known uint64) (newest, reached uint64, err error) {
	before := Cursor{ChainChanges: 1} // none of those
	if reached = below; below != 0 {
		before[ChainAccess] = below
	}
	for e, err := range w.trail.Entries(ctx, TrailFilter{Before: before}) {
		switch {
		case err != nil:
			return newest, reached, err
		case e.Seq <= known:
			return newest, known + 1, nil
		case w.budget == 0:
			w.cut = true
			return newest, reached, nil
		}
		w.budget--
		newest, reached = max(newest, e.Seq), e.Seq
		w.last = e.At
		if known == 0 {
			w.oldest = e.At
		}
		w.add(e)
	}
	if known > 0 && reached > known+1 { // those between were pruned before anybody asked
		w.oldest, w.bottom = w.last, 1
	}
	return newest, known + 1, nil
}

// add takes an entry that may be that of a read.
func (x *usageIndex) add(e Entry) {
	at := e.Last.UnixMicro()
	if e.Action != Read.String() || e.Outcome != OutcomeOK || at <= x.floor {
		return
	}
	id := secretIDOf(e.Address)
	if last, found := x.reads[id]; found && last.at >= at {
		return
	}
	by, found := x.known[e.Service]
	if !found {
		by = int32(len(x.services))
		x.services = append(x.services, e.Service)
		x.known[e.Service] = by
	}
	x.reads[id] = lastRead{at, by}
	if len(x.reads) > x.limit {
		x.forget()
	}
}

// forget drops the older half of the reads, and remembers how far.
func (x *usageIndex) forget() {
	times := make([]int64, 0, len(x.reads))
	for _, last := range x.reads {
		times = append(times, last.at)
	}
	slices.Sort(times)
	x.floor = times[len(times)/2]
	for id, last := range x.reads {
		if last.at <= x.floor {
			delete(x.reads, id)
		}
	}
}

// since gives the time from which on every read is known; zero where there is no entry.
func (x *usageIndex) since() time.Time {
	if x.floor != 0 {
		return time.UnixMicro(x.floor + 1).UTC()
	}
	return x.oldest
}

// of gives what is known of a secret.
func (x *usageIndex) of(info Info) Usage {
	u := Usage{Info: info}
	if last, found := x.reads[secretIDOf(info.Address)]; found {
		u.LastRead, u.ReadBy = time.UnixMicro(last.at).UTC(), x.services[last.by]
	}
	return u
}
