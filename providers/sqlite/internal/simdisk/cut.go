package simdisk

import (
	"iter"
	"math/rand/v2"
	"time"
)

// Cut is what a power cut left on the disk.
type Cut struct {
	Image Image
	// Point is the number of the last event before the cut, and How which of what was not
	// synced is there.
	Point int
	How   string
	// Marks are those recorded before the cut, and MarkedAt when. Do not change them.
	Marks    []any
	MarkedAt []time.Time
	// At is the latest time at which it can have been.
	At time.Time
}

// Here is a mark after which every cut is looked at, whatever the stride.
type Here string

// Cuts gives what a power cut could have left after each event, in many ways each: nothing
// that was not synced, all of it, contents without names and the other way round, and as
// many mixtures as asked for. Of the events only each stride-th is looked at, beginning
// with one that the seed decides, and the last; after each mark, what was synced at least.
// A stride of 0 looks only at the last event, and where [Here] was marked. The same seed gives the same cuts of the same
// record.
func (d *Disk) Cuts(seed uint64, stride, mixtures int) iter.Seq[Cut] {
	d.mu.Lock()
	d.look()
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
			_, here := e.mark.(Here)
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

// Events gives how many events were recorded.
func (d *Disk) Events() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.events)
}

// keeper decides what is there of what was not synced.
type keeper struct {
	// piece decides about a piece of a write or a truncation, by the number of its event.
	piece func(event int) bool
	// name decides about a change of a name.
	name func(event int) bool
	// spoil gives bytes in place of those beside a write; nil: they are left alone.
	spoil func([]byte)
}

func always(int) bool { return true }
func never(int) bool  { return false }

// ways gives the ways in which a cut may leave things.
func ways(mixtures int, random *rand.Rand) iter.Seq2[string, keeper] {
	return func(yield func(string, keeper) bool) {
		for _, w := range []struct {
			how string
			keeper
		}{
			{"what was synced", keeper{piece: never, name: never}},
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

// mixture gives one way by chance: in half of them what was written until some moment is
// there, in the others each 512 bytes by themselves.
func mixture(random *rand.Rand) (string, keeper) {
	k := keeper{spoil: func(b []byte) {
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
	// The moment is chosen when the first event is asked for.
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
