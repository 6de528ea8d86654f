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
	maxScan       = 10_000  // visible addresses looked at, and hidden ones; or entries of the trail
	maxPageValues = 8 << 20 // bytes of values in a page of secrets
)

// Page is a part of a listing. While More is true the listing goes on behind Next, which is an
// exclusive [ListOptions].After; a page may then be short or even empty. Next is the address of the
// last item. If the page looked at too many addresses, Next is the last one that is visible to
// the session but was not asked for, or a position between two hidden addresses. That position
// shows only what some thousand neighbouring hidden addresses have in common, so it does not
// reveal any one of them to a session that may not write there.
type Page[T any] struct {
	Items []T
	Next  Address
	More  bool
}

// scan counts the addresses that a page looks at. Hidden ones have a limit of their own:
// otherwise a caller could write so many names that it depends on a single hidden one where the
// page ends.
type scan struct {
	visible, hidden int
	limit           int     // of hidden
	shown           Address // the last visible one
	middle, last    Address // of the hidden ones
}

// newScan draws the limit of hidden addresses at random, so that one more or less does not show in
// where a page ends.
func newScan() *scan { return &scan{limit: maxScan - rand.IntN(maxScan/4)} }

// next counts an address. If there were enough before, it reports false and where the page ends.
func (s *scan) next(addr Address, visible bool) (end Address, ok bool) {
	switch {
	case visible && s.visible == maxScan:
		return s.shown, false
	case visible:
		s.visible++
		s.shown = addr
		return Address{}, true
	case s.hidden == s.limit:
		return between(s.middle, s.last), false
	}
	if s.hidden++; s.hidden == s.limit/2 {
		s.middle = addr
	}
	s.last = addr
	return Address{}, true
}

// collect makes a page of what look returns for the secrets: an item, whether the caller may
// see it, and whether it was asked for too. It sets More only if another item was found, or at
// a limit of the scan: hidden secrets must not show in it.
func collect[T any](secrets iter.Seq2[Info, error], limit int, look func(Info) (item T, visible, wanted bool)) (Page[T], error) {
	var page Page[T]
	var found []Address // of the items
	scan := newScan()
	for info, err := range secrets {
		if err != nil {
			return Page[T]{}, err
		}
		item, visible, wanted := look(info)
		wanted = wanted && visible
		if wanted && len(page.Items) == limit {
			page.More = true
			break
		}
		if end, ok := scan.next(info.Address, visible); !ok {
			page.More, page.Next = true, end
			n, _ := slices.BinarySearchFunc(found, end, Address.Compare)
			if n < len(found) && found[n] == end {
				n++
			}
			page.Items = page.Items[:n]
			return page, nil
		}
		if wanted {
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
