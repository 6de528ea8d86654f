package tamper_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// livePages marks the bytes of a database file that hold a schema, a row or an index: cells, cell
// pointers and overflow pages (https://sqlite.org/fileformat2.html). The other bytes are the file
// header, derived counts, unused space, and columns that nothing authenticates (docs/format.md).
func livePages(file []byte) []bool {
	m := &pageMap{file: slices.Clip(file), size: int(binary.BigEndian.Uint16(file[16:])), live: make([]bool, len(file))}
	if m.size == 1 {
		m.size = 65536
	}
	m.roots()
	return m.live
}

type pageMap struct {
	file []byte // clipped, so that forget can compute offsets
	size int
	live []bool
}

// The types of B-tree pages.
const (
	indexInterior = 2
	tableInterior = 5
	indexLeaf     = 10
	tableLeaf     = 13
)

// roots walks the tree of the schema and the trees listed in it.
func (m *pageMap) roots() {
	for _, row := range m.tree(1) {
		name, root := columnOf(row, 1), columnOf(row, 3)
		for _, payload := range m.tree(int(root[0])) {
			if payload[1] == 0 {
				m.forget(payload[1:2]) // the type of the rowid column, which SQLite ignores
			}
			if string(name) == "epoch" {
				m.forget(columnOf(payload, 2)) // first
				m.forget(columnOf(payload, 3)) // at
			}
		}
	}
}

// forget clears the mark of a piece of the file.
func (m *pageMap) forget(piece []byte) {
	at := cap(m.file) - cap(piece)
	for i := range piece {
		m.live[at+i] = false
	}
}

// columnOf returns the n-th column of a record.
func columnOf(record []byte, n int) []byte {
	header, at := varint(record)
	place := header
	for {
		serial, size := varint(record[at:])
		at += size
		length := uint64(0)
		switch {
		case serial >= 12:
			length = (serial - 12) / 2
		case serial <= 7:
			length = []uint64{0, 1, 2, 3, 4, 6, 8, 8}[serial]
		}
		if n == 0 {
			return record[place : place+length]
		}
		n--
		place += length
	}
}

// tree marks a page and its children, and returns the local payloads of its leaves.
func (m *pageMap) tree(number int) (payloads [][]byte) {
	start := (number - 1) * m.size
	page, at := m.file[start:start+m.size], 0
	if number == 1 {
		at = 100
	}
	kind, header := page[at], 8
	if kind == indexInterior || kind == tableInterior {
		header = 12
		m.mark(start+at+8, 4)
		payloads = m.tree(int(binary.BigEndian.Uint32(page[at+8:])))
	}
	cells := int(binary.BigEndian.Uint16(page[at+3:]))
	m.mark(start+at, 1)
	m.mark(start+at+3, 2)
	m.mark(start+at+header, 2*cells)
	for n := range cells {
		offset := int(binary.BigEndian.Uint16(page[at+header+2*n:]))
		payloads = append(payloads, m.cell(kind, start, page, offset)...)
	}
	return payloads
}

func (m *pageMap) cell(kind byte, start int, page []byte, offset int) (payloads [][]byte) {
	at := offset
	var rowID []byte
	if kind == indexInterior || kind == tableInterior {
		payloads = m.tree(int(binary.BigEndian.Uint32(page[at:])))
		at += 4
	}
	var length uint64
	if kind != tableInterior {
		n, size := varint(page[at:])
		length, at = n, at+size
	}
	if kind == tableLeaf || kind == tableInterior {
		_, size := varint(page[at:])
		rowID = page[at : at+size]
		at += size
	}
	if kind != tableInterior {
		local := m.local(kind, int(length))
		payloads = append(payloads, page[at:at+local])
		at += local
		if left := int(length) - local; left > 0 {
			m.overflow(int(binary.BigEndian.Uint32(page[at:])), left)
			at += 4
		}
	}
	m.mark(start+offset, at-offset)
	if start == 0 {
		m.forget(rowID) // of the schema: nothing reads it
	}
	return payloads
}

// local returns how many bytes of a payload are in its cell.
func (m *pageMap) local(kind byte, length int) int {
	most := (m.size-12)*64/255 - 23
	if kind == tableLeaf {
		most = m.size - 35
	}
	if length <= most {
		return length
	}
	least := (m.size-12)*32/255 - 23
	if k := least + (length-least)%(m.size-4); k <= most {
		return k
	}
	return least
}

func (m *pageMap) overflow(page, left int) {
	for page != 0 {
		start := (page - 1) * m.size
		here := min(left, m.size-4)
		m.mark(start, 4+here)
		left -= here
		page = int(binary.BigEndian.Uint32(m.file[start:]))
	}
}

func (m *pageMap) mark(at, n int) {
	for i := range n {
		m.live[at+i] = true
	}
}

// varint reads a number of up to nine bytes and returns it with its size.
func varint(b []byte) (n uint64, size int) {
	for i := range 8 {
		n = n<<7 | uint64(b[i]&0x7f)
		if b[i] < 0x80 {
			return n, i + 1
		}
	}
	return n<<8 | uint64(b[8]), 9
}

// TestLivePages checks that the map includes the records and excludes the free space.
func TestLivePages(t *testing.T) {
	is := is.New(t)
	y := newStory(t)
	file := storetest.Files(t, y.closed)["vault.db"]
	live := livePages(file)
	r := storetest.OpenRaw(t, storetest.Copied(t, y.closed), "vault.db")
	for _, row := range r.Blobs(`SELECT sealed FROM log WHERE sealed IS NOT NULL AND length(sealed) < 1000`) {
		at := indexOf(file, row)
		for i := range row {
			is.True(live[at+i])
		}
	}
	count := 0
	for _, l := range live {
		if l {
			count++
		}
	}
	is.True(count > 12000 && count < len(live)*4/5)
	t.Logf("%d of %d bytes", count, len(live))
}
