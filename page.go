package myvault

import (
	"iter"
	"math/bits"
	"math/rand/v2"
	"slices"
	"unicode/utf8"
)

// Limits of one page, so that a request costs a bounded amount of work and memory.
const (
	maxScan       = 10_000  // addresses looked at, visible or not
	maxPageValues = 8 << 20 // bytes of values in a page of secrets
)

// Page is a part of a listing. While More is true the listing goes on behind Next, which is
// an exclusive [Range].After; a page may then be short or even empty. Next is the address of the
// last item. If the page ended because it had looked at too many addresses, Next may be
// a position between two addresses instead. That position shows only what some thousand
// neighbouring addresses have in common, so it does not reveal any one of them.
type Page[T any] struct {
	Items []T
	Next  Address
	More  bool
}

// scan counts the addresses that a page looks at and finds where it ends if they are too many.
type scan struct {
	limit, n     int
	middle, last Address
}

// newScan draws the limit at random, so that one address more or less does not show in
// where a page ends.
func newScan() *scan { return &scan{limit: maxScan - rand.IntN(maxScan/4)} }

// next counts an address, or reports false if there were enough.
func (s *scan) next(addr Address) bool {
	if s.n == s.limit {
		return false
	}
	if s.n++; s.n == s.limit/2 {
		s.middle = addr
	}
	s.last = addr
	return true
}

// collect makes a page of the items that shown returns for the visible secrets. It sets More only
// once another such one was found, or at the limit of the scan: hidden ones must not show in it.
func collect[T any](secrets iter.Seq2[Info, error], limit int, shown func(Info) (T, bool)) (Page[T], error) {
	var page Page[T]
	var found []Address // of the items
	scan := newScan()
	for info, err := range secrets {
		if err != nil {
			return Page[T]{}, err
		}
		item, seen := shown(info)
		if seen && len(page.Items) == limit {
			page.More = true
			break
		}
		if !scan.next(info.Address) {
			page.More, page.Next = true, between(scan.middle, scan.last)
			n, _ := slices.BinarySearchFunc(found, page.Next, Address.Compare)
			page.Items = page.Items[:n]
			return page, nil
		}
		if seen {
			page.Items, found = append(page.Items, item), append(found, info.Address)
			page.Next = info.Address
		}
	}
	return page, nil
}

// between returns a position after a and before b that is no address. It shows no more than what
// all addresses from a to b have in common, and one bit in which they differ.
func between(a, b Address) Address {
	if a.Compare(b) >= 0 {
		return b // the store is out of order
	}
	if a.Project != b.Project {
		return Address{Project: divide(a.Project, b.Project)}
	}
	return Address{Project: a.Project, Path: divide(a.Path, b.Path)}
}

// divide is between for texts. It keeps their common prefix and rounds the next character of b
// down to as few bits as a leaves. The position is right before that.
func divide(a, b string) string {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && !utf8.RuneStart(b[n]) {
		n--
	}
	low, size := utf8.DecodeRuneInString(a[n:])
	if size == 0 {
		low = 0
	}
	high, _ := utf8.DecodeRuneInString(b[n:])
	if low >= high {
		return b // not UTF-8
	}
	high &^= 1<<(bits.Len32(uint32(low^high))-1) - 1
	if high--; !utf8.ValidRune(high) {
		high = 0xD7FF // the last one before the surrogates
	}
	return b[:n] + string(high) + string(utf8.MaxRune) // no name has the last one
}
