package simdisk

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// pieceSize is what a device writes whole or not at all.
const pieceSize = 512

// state is the disk at one moment of the record: what is durable, and what is not yet.
type state struct {
	disk  *Disk
	files map[*node]*content
	dirs  map[*node]*directory
	order []*node // of files, so that chance falls in the same order each time
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

// state gives the disk as it was when the recording began.
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

// apply takes the next event of the record.
func (s *state) apply(number int, e event, random *rand.Rand) {
	switch e.op {
	case opWrite, opTruncate:
		f := s.files[e.node]
		f.pending = append(f.pending, numbered{number, e})
	case opName:
		dir := s.dirs[e.node]
		dir.pending = append(dir.pending, numbered{number, e})
	case opSync, opLose:
		keep := keeper{piece: always, name: always}
		if e.op == opLose {
			// The system forgets what it could not write, and a later sync says nothing.
			_, keep = mixture(random)
			keep.spoil = nil
		}
		if dir := s.dirs[e.node]; dir != nil {
			dir.settle(e.began, e.name, keep)
		} else {
			s.files[e.node].settle(e.began, keep)
		}
	}
}

// settle makes durable what was pending before the event began.
func (c *content) settle(began int, keep keeper) {
	n := 0
	for n < len(c.pending) && c.pending[n].number < began {
		n++
	}
	c.durable = build(c.durable, c.pending[:n], keep)
	c.pending = slices.Clone(c.pending[n:])
}

// settle is that of a directory: of one name alone, unless that is empty.
func (d *directory) settle(began int, name string, keep keeper) {
	var settled, pending []numbered
	for _, e := range d.pending {
		if e.number < began && (name == "" || e.name == name) {
			settled = append(settled, e)
		} else {
			pending = append(pending, e)
		}
	}
	d.durable, d.pending = d.build(settled, keep), pending
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

// build gives a content after those of the pending changes that are kept. It may be the
// durable one itself.
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
		if keep.spoil != nil {
			spoil(b, e, keep)
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

// spoil spoils what stands beside a write in its first and its last sector, where half of a
// sector was written.
func spoil(b []byte, e numbered, keep keeper) {
	if !keep.piece(e.number) {
		return
	}
	size := int64(len(b))
	end := e.off + int64(len(e.data))
	before := e.off / sectorSize * sectorSize
	after := (end + sectorSize - 1) / sectorSize * sectorSize
	if before < size {
		keep.spoil(b[before:min(e.off, size)])
	}
	if end < size {
		keep.spoil(b[end:min(after, size)])
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
