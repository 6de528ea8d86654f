package simdisk

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// pieceSize is the number of bytes that a device writes atomically.
const pieceSize = 512

// state is the disk at one moment of the record: durable contents and pending changes.
type state struct {
	disk  *Disk
	files map[*node]*content
	dirs  map[*node]*directory
	order []*node // of files, so that random choices are reproducible
}

type content struct {
	durable []byte
	pending []numbered
}

type directory struct {
	durable map[string]*node
	pending []numbered
}

// numbered is an event with its number.
type numbered struct {
	number int
	event
}

// state returns the disk at the start of the record.
func (d *Disk) state() *state {
	s := &state{disk: d, files: map[*node]*content{}, dirs: map[*node]*directory{}}
	for _, n := range d.nodes {
		if n.names != nil {
			s.dirs[n] = &directory{durable: maps.Clone(n.entries)}
			continue
		}
		s.files[n] = &content{durable: slices.Clone(n.content)}
		s.order = append(s.order, n)
	}
	return s
}

// apply applies the next event of the record.
func (s *state) apply(number int, e event, random *rand.Rand) {
	switch e.op {
	case opWrite, opTruncate:
		f := s.files[e.node]
		f.pending = append(f.pending, numbered{number, e})
	case opName:
		dir := s.dirs[e.node]
		dir.pending = append(dir.pending, numbered{number, e})
	case opSync, opSyncFailed:
		keep := keeper{piece: always, name: always}
		if e.op == opSyncFailed {
			// The system drops the changes it could not write, and a later sync succeeds.
			_, keep = mixture(random)
			keep.damage = nil
		}
		if dir := s.dirs[e.node]; dir != nil {
			dir.makeDurable(e.began, e.name, keep)
		} else {
			s.files[e.node].makeDurable(e.began, keep)
		}
	}
}

// makeDurable makes the changes before the event began durable.
func (c *content) makeDurable(began int, keep keeper) {
	n := 0
	for n < len(c.pending) && c.pending[n].number < began {
		n++
	}
	c.durable = build(c.durable, c.pending[:n], keep)
	c.pending = slices.Clone(c.pending[n:])
}

// makeDurable makes changes of one name durable, or of all names if name is "".
func (d *directory) makeDurable(began int, name string, keep keeper) {
	var durable, pending []numbered
	for _, e := range d.pending {
		if e.number < began && (name == "" || e.name == name) {
			durable = append(durable, e)
		} else {
			pending = append(pending, e)
		}
	}
	d.durable, d.pending = d.build(durable, keep), pending
}

func (d *directory) build(pending []numbered, keep keeper) map[string]*node {
	names := maps.Clone(d.durable)
	if names == nil {
		names = map[string]*node{}
	}
	for _, e := range pending {
		switch {
		case !keep.name(e.number):
		case e.child == nil:
			delete(names, e.name)
		default:
			names[e.name] = e.child
		}
	}
	return names
}

// build returns the contents with the pending changes that keep selects. It may return durable
// itself.
func build(durable []byte, pending []numbered, keep keeper) []byte {
	if len(pending) == 0 {
		return durable
	}
	b := slices.Clone(durable)
	for _, e := range pending {
		if e.op == opTruncate {
			if keep.piece(e.number) {
				b = resize(b, e.off)
			}
			continue
		}
		if keep.damage != nil {
			damage(b, e, keep)
		}
		for from := 0; from < len(e.data); {
			to := min(len(e.data), from+pieceSize-int((e.off+int64(from))%pieceSize))
			if keep.piece(e.number) {
				b = overwrite(b, e.off+int64(from), e.data[from:to])
			}
			from = to
		}
	}
	return b
}

// damage overwrites the bytes beside a write in its first and its last sector, if those were
// written in part.
func damage(b []byte, e numbered, keep keeper) {
	if !keep.piece(e.number) {
		return
	}
	size := int64(len(b))
	end := e.off + int64(len(e.data))
	before := e.off / sectorSize * sectorSize
	after := (end + sectorSize - 1) / sectorSize * sectorSize
	if before < size {
		keep.damage(b[before:min(e.off, size)])
	}
	if end < size {
		keep.damage(b[end:min(after, size)])
	}
}

func resize(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size]
	}
	return append(b, make([]byte, size-int64(len(b)))...)
}

func overwrite(b []byte, off int64, data []byte) []byte {
	if end := off + int64(len(data)); end > int64(len(b)) {
		b = resize(b, end)
	}
	copy(b[off:], data)
	return b
}
