package run

import (
	"bytes"
	"cmp"
	"io"
	"slices"
)

// minMasked is the size of the shortest value that is masked. Shorter ones occur by chance.
const minMasked = 4

// maxPattern is the size of the parts of a long value, which are masked one by one. It bounds what
// one position of the output costs.
const maxPattern = 1024

// Mask replaces a value in the output.
const Mask = "********"

// Patterns are the texts to mask in the output of a program.
type Patterns struct {
	begins [1 << 16 / 64]uint64 // bits of the first two bytes of all patterns
	first  [4]uint64            // bits of the first bytes
	byHead map[[minMasked]byte][][]byte
}

// NewPatterns returns the patterns of values: each value, and each of its lines, because a
// terminal changes line breaks. Texts shorter than four bytes are not masked.
func NewPatterns(values ...[]byte) *Patterns {
	p := &Patterns{byHead: make(map[[minMasked]byte][][]byte)}
	for _, value := range values {
		for _, line := range bytes.Split(value, []byte("\n")) {
			p.add(bytes.TrimSuffix(line, []byte("\r")))
		}
		p.add(value)
	}
	p.sort()
	return p
}

// add adds a text, in parts of at most maxPattern bytes of about the same size.
func (p *Patterns) add(text []byte) {
	if len(text) < minMasked {
		return
	}
	parts := (len(text) + maxPattern - 1) / maxPattern
	size := (len(text) + parts - 1) / parts
	for part := range slices.Chunk(text, size) {
		if len(part) < minMasked {
			continue
		}
		begin := uint16(part[0])<<8 | uint16(part[1])
		p.begins[begin/64] |= 1 << (begin % 64)
		p.first[part[0]/64] |= 1 << (part[0] % 64)
		head := [minMasked]byte(part)
		p.byHead[head] = append(p.byHead[head], part)
	}
}

// sort puts the longest pattern first.
func (p *Patterns) sort() {
	for head, patterns := range p.byHead {
		slices.SortFunc(patterns, func(a, b []byte) int { return cmp.Or(len(b)-len(a), bytes.Compare(a, b)) })
		p.byHead[head] = slices.CompactFunc(patterns, bytes.Equal)
	}
}

// with returns the patterns of both.
func (p *Patterns) with(other *Patterns) *Patterns {
	both := &Patterns{byHead: make(map[[minMasked]byte][][]byte)}
	for _, each := range []*Patterns{p, other} {
		for _, patterns := range each.byHead {
			for _, text := range patterns {
				both.add(text)
			}
		}
	}
	both.sort()
	return both
}

// mayBegin reports whether a pattern begins with the first two bytes of text, or with its only
// one.
func (p *Patterns) mayBegin(text []byte) bool {
	if len(text) == 1 {
		return p.first[text[0]/64]&(1<<(text[0]%64)) != 0
	}
	begin := uint16(text[0])<<8 | uint16(text[1])
	return p.begins[begin/64]&(1<<(begin%64)) != 0
}

// match returns the length of the longest pattern that text begins with, or 0. If more bytes could
// make a longer one, incomplete is set.
func (p *Patterns) match(text []byte) (length int, incomplete bool) {
	if len(text) < minMasked {
		for head := range p.byHead {
			if bytes.HasPrefix(head[:], text) {
				return 0, true
			}
		}
		return 0, false
	}
	for _, pattern := range p.byHead[[minMasked]byte(text)] {
		if len(pattern) > len(text) {
			incomplete = incomplete || bytes.HasPrefix(pattern, text)
		} else if bytes.HasPrefix(text, pattern) {
			return len(pattern), incomplete
		}
	}
	return 0, incomplete
}

// Masker writes to out with all patterns replaced, wherever the writes are divided. It holds back
// the end of a write that may be the beginning of a pattern, until the next write or Close.
type Masker struct {
	out      io.Writer
	patterns *Patterns
	pending  []byte
	covered  int    // length of the start of pending that a mask replaces already
	masked   []byte // buffer
}

// NewMasker returns a Masker. Close it after the last write.
func NewMasker(out io.Writer, patterns *Patterns) *Masker {
	return &Masker{out: out, patterns: patterns}
}

// Write writes all of text that cannot be a part of a pattern, with the patterns replaced.
func (m *Masker) Write(text []byte) (int, error) {
	rest := text
	if len(m.pending) > 0 {
		m.pending = append(m.pending, text...)
		rest = m.pending
	}
	rest = m.replace(rest, false)
	err := m.flush()
	m.pending = append(m.pending[:0], rest...)
	return len(text), err
}

// Close writes what was held back. It does not close the writer below.
func (m *Masker) Close() error {
	rest := m.replace(m.pending, true)
	m.masked = append(m.masked, rest...)
	m.pending = nil
	return m.flush()
}

// replace appends text to the buffer with the patterns replaced, and returns the end of text that
// more bytes could make a pattern. At the end of the output there is no such text. One mask
// replaces patterns that overlap.
func (m *Masker) replace(text []byte, end bool) (rest []byte) {
	covered := m.covered // the end of the last mask
	m.covered = 0
	for i := 0; i < len(text); i++ {
		if !m.patterns.mayBegin(text[i:]) {
			continue
		}
		length, incomplete := m.patterns.match(text[i:])
		if incomplete && !end {
			m.masked = append(m.masked, text[min(covered, i):i]...)
			m.covered = max(covered-i, 0)
			return text[i:]
		}
		if i+length <= covered || length == 0 {
			continue
		}
		if i >= covered {
			m.masked = append(append(m.masked, text[covered:i]...), Mask...)
		}
		covered = i + length
	}
	m.masked = append(m.masked, text[covered:]...)
	return nil
}

func (m *Masker) flush() error {
	if len(m.masked) == 0 {
		return nil
	}
	_, err := m.out.Write(m.masked)
	m.masked = m.masked[:0]
	return err
}
