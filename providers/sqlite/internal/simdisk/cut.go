package simdisk

import (
	"iter"
	"math/rand/v2"
	"time"
)

// Cut is the state of the disk after a power cut.
type Cut struct {
	Image Image
	// Point is the number of the last event before the cut. How says which unsynced changes the
	// image contains.
	Point int
	How   string
	// Marks were recorded before the cut, at the times MarkedAt. Do not change them.
	Marks    []any
	MarkedAt []time.Time
	// At is the latest possible time of the cut.
	At time.Time
}

// CutHere is a mark after which Cuts always yields, for any stride.
type CutHere string

// Cuts yields the states that a power cut after each event could leave. For each event they are:
// no unsynced change, all of them, contents without names, names without contents, and a number of
// random mixtures. Only each stride-th event is used, starting with one chosen by the seed, and
// the last event. After each mark, Cuts yields at least the state without unsynced changes. With a
// stride of 0 only the last event and each [CutHere] are used. The same seed and record always
// yield the same cuts.
func (d *Disk) Cuts(seed uint64, stride, mixtures int) iter.Seq[Cut] {
	d.mu.Lock()
	d.scan()
	events := d.events
	d.mu.Unlock()
	return func(yield func(Cut) bool) {
		random := rand.New(rand.NewPCG(seed, 1))
		s := d.state()
		first := random.IntN(max(stride, 1))
		cut := Cut{}
		for i, e := range events {
			s.apply(i, e, random)
			if e.op == opMark {
				cut.Marks, cut.MarkedAt = append(cut.Marks, e.mark), append(cut.MarkedAt, e.at)
			}
			_, here := e.mark.(CutHere)
			whole := stride > 0 && i%stride == first || here || i == len(events)-1
			if !whole && (e.op != opMark || stride == 0) {
				continue
			}
			cut.Point, cut.At = i, e.at
			if i+1 < len(events) {
				cut.At = events[i+1].at
			}
			for how, keep := range ways(mixtures, random) {
				cut.How, cut.Image = how, s.image(keep)
				if !yield(cut) {
					return
				}
				if !whole {
					break
				}
			}
		}
	}
}

// Events returns the number of recorded events.
func (d *Disk) Events() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.events)
}

// keeper decides which unsynced changes survive a cut.
type keeper struct {
	// piece decides about a piece of a write or a truncation, by the number of its event.
	piece func(event int) bool
	// name decides about a change of a name.
	name func(event int) bool
	// damage overwrites the bytes beside a write; nil: they stay.
	damage func([]byte)
}

func always(int) bool { return true }
func never(int) bool  { return false }

// ways yields the keepers of a cut, with their names.
func ways(mixtures int, random *rand.Rand) iter.Seq2[string, keeper] {
	return func(yield func(string, keeper) bool) {
		for _, w := range []struct {
			how string
			keeper
		}{
			{"synced changes", keeper{piece: never, name: never}},
			{"everything", keeper{piece: always, name: always}},
			{"contents", keeper{piece: always, name: never}},
			{"names", keeper{piece: never, name: always}},
		} {
			if !yield(w.how, w.keeper) {
				return
			}
		}
		for range mixtures {
			if how, keep := mixture(random); !yield(how, keep) {
				return
			}
		}
	}
}

// mixture returns a random keeper. Half of them keep everything written until some moment, the
// others decide about each 512 bytes separately.
func mixture(random *rand.Rand) (string, keeper) {
	k := keeper{damage: func(b []byte) {
		for i := range b {
			b[i] = byte(random.Uint32())
		}
	}}
	chance := random.Float64()
	some := func(int) bool { return random.Float64() < chance }
	k.name = some
	if random.IntN(2) == 0 {
		k.piece = some
		return "pieces", k
	}
	// The moment is chosen with the first event.
	moment := -1
	back := random.IntN(24)
	k.piece = func(event int) bool {
		if moment < 0 {
			moment = event + back
		}
		return event < moment || event == moment && random.IntN(2) == 0
	}
	return "until a moment", k
}
