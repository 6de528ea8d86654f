package usage

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	"github.com/myswiftagent/myvault"
)

const (
	maxEntries = 10_000    // read by one call of Page
	maxReads   = 1_000_000 // last reads in the index; they take about 100 MB
)

// Index knows when each secret was last read. Each call of [Index.Page] reads the entries of the
// trail that are new to it, a bounded number. Nothing is stored, and recording a read costs
// nothing more. It is safe for concurrent use.
type Index struct {
	extension *myvault.Extension
	mutex     chan struct{} // a mutex that can be waited for with a context; guards what follows

	reads    map[secretID]lastRead
	limit    int      // of reads
	services []string // lastRead.by is an index into it
	ids      map[string]int32
	// The entries from bottom up to top have been read. Newer ones are read from the newest down
	// to top, over several calls if there are many. Of these, those from gap up to gapTop have
	// been read.
	top    uint64 // 0: nothing has been read
	bottom uint64 // 1: there is nothing below
	gapTop uint64
	gap    uint64    // 0: there is no gap
	oldest time.Time // of the entry at bottom
	last   time.Time // of the entry read last
	floor  int64     // reads up to this time were forgotten, in Unix microseconds; 0: none
}

// secretID is a digest of an address. It takes a quarter of the memory of the names.
type secretID [16]byte

func secretIDOf(addr myvault.Address) secretID {
	sum := sha256.Sum256([]byte(addr.Project + "\x00" + addr.Path))
	return secretID(sum[:16])
}

// lastRead is the newest read of a secret.
type lastRead struct {
	at int64 // in Unix microseconds
	by int32 // index into Index.services
}

func newIndex(extension *myvault.Extension) *Index {
	return &Index{
		extension: extension, mutex: make(chan struct{}, 1),
		reads: make(map[secretID]lastRead), limit: maxReads, ids: make(map[string]int32),
	}
}

// lock locks the index, or returns the error of ctx if that ends first.
func (x *Index) lock(ctx context.Context) error {
	select {
	case x.mutex <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (x *Index) unlock() { <-x.mutex }

// update reads entries that are new to the index, the newest first. It reports false if some
// remain for a later call.
func (x *Index) update(ctx context.Context) (complete bool, err error) {
	w := walk{Index: x, budget: maxEntries}
	if x.top == 0 {
		x.top, x.bottom, err = w.down(ctx, 0, 0)
		return err == nil && x.complete(), err
	}
	for again := true; again; {
		again = x.gap != 0 // entries written while the gap was open are next
		newest, reached, err := w.down(ctx, x.gap, x.top)
		if x.gap == 0 {
			x.gapTop = newest
		}
		if x.gap = reached; err != nil || w.exhausted {
			return false, err
		}
		x.top, x.gapTop, x.gap = max(x.top, x.gapTop), 0, 0
	}
	if !x.complete() {
		_, x.bottom, err = w.down(ctx, x.bottom, 0)
	}
	return err == nil && x.complete(), err
}

// complete reports whether no older entries need to be read.
func (x *Index) complete() bool { return x.bottom <= 1 || x.floor != 0 }

// walk is the reading of one call.
type walk struct {
	*Index
	budget    int // of entries
	exhausted bool
}

// down reads entries with sequences below a limit (0: all) and above known, newest first. It
// returns the sequences of the first and the last entry read, with an error too.
func (w *walk) down(ctx context.Context, below, known uint64) (newest, reached uint64, err error) {
	reached = below
	for e, err := range w.extension.AccessEntries(ctx, below) {
		switch {
		case err != nil:
			return newest, reached, err
		case e.Seq <= known:
			return newest, known + 1, nil
		case w.budget == 0:
			w.exhausted = true
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
	if known > 0 && reached > known+1 { // the entries between were pruned before they were read
		w.oldest, w.bottom = w.last, 1
	}
	return newest, known + 1, nil
}

// add remembers e if it is a read and the newest one of its secret.
func (x *Index) add(e myvault.Entry) {
	at := e.Last.UnixMicro()
	if e.Action != myvault.Read.String() || e.Outcome != myvault.OutcomeOK || at <= x.floor {
		return
	}
	id := secretIDOf(e.Address)
	if last, found := x.reads[id]; found && last.at >= at {
		return
	}
	by, found := x.ids[e.Service]
	if !found {
		by = int32(len(x.services))
		x.services = append(x.services, e.Service)
		x.ids[e.Service] = by
	}
	x.reads[id] = lastRead{at, by}
	if len(x.reads) > x.limit {
		x.forget()
	}
}

// forget drops the older half of the reads and sets the floor.
func (x *Index) forget() {
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

// since returns the time from which every read is known, or zero if there is no entry.
func (x *Index) since() time.Time {
	if x.floor != 0 {
		return time.UnixMicro(x.floor + 1).UTC()
	}
	return x.oldest
}

// lastRead returns what is known of a secret.
func (x *Index) lastRead(info myvault.Info) Secret {
	u := Secret{Info: info}
	if last, found := x.reads[secretIDOf(info.Address)]; found {
		u.LastRead, u.ReadBy = time.UnixMicro(last.at).UTC(), x.services[last.by]
	}
	return u
}
