package myvault

import (
	"iter"
	"math/bits"
	"math/rand/v2"
	"slices"
	"unicode/utf8"
)

// Limits of one page. They bound the work and memory of a request.
const (
	maxScan       = 10_000  // visible addresses that are looked at, and hidden ones; or entries of the trail
	maxPageValues = 8 << 20 // bytes of values in a page of secrets
)

// Page is a part of a listing. While More is true, the same method returns the next page if it gets
// Next as the position to begin after. A page may be short or empty and still have More set.
type Page[Item, Position any] struct {
	Items []Item
	Next  Position
	More  bool
}

// scan counts the addresses that a page looks at. Hidden ones are counted apart. Otherwise a
// caller could write names until the end of the page depends on a single hidden one.
type scan struct {
	visible, hidden int
	hiddenLimit     int
	lastVisible     Address
	middle, last    Address // of the hidden ones
}

// newScan chooses the limit of hidden addresses at random, so that the end of a page does not
// reveal whether there is one more.
func newScan() *scan { return &scan{hiddenLimit: maxScan - rand.IntN(maxScan/4)} }

// next counts an address. If a limit was reached, it reports false and where the page ends.
func (s *scan) next(addr Address, visible bool) (end Address, ok bool) {
	switch {
	case visible && s.visible == maxScan:
		return s.lastVisible, false
	case visible:
		s.visible++
		s.lastVisible = addr
		return Address{}, true
	case s.hidden == s.hiddenLimit:
		return between(s.middle, s.last), false
	}
	if s.hidden++; s.hidden == s.hiddenLimit/2 {
		s.middle = addr
	}
	s.last = addr
	return Address{}, true
}

// collect returns a page of the items that convert returns for secrets. Convert also reports
// whether the caller may see the secret and whether it selected it. More is set only if another
// item was found, or at a limit of the scan: it must not reveal hidden secrets.
func collect[T any](secrets iter.Seq2[Info, error], limit int, convert func(Info) (item T, visible, selected bool)) (Page[T, Address], error) {
	var page Page[T, Address]
	var addresses []Address // of the items
	scan := newScan()
	for info, err := range secrets {
		if err != nil {
			return Page[T, Address]{}, err
		}
		item, visible, selected := convert(info)
		selected = selected && visible
		if selected && len(page.Items) == limit {
			page.More = true
			break
		}
		if end, ok := scan.next(info.Address, visible); !ok {
			page.More, page.Next = true, end
			n, found := slices.BinarySearchFunc(addresses, end, Address.Compare)
			if found {
				n++
			}
			page.Items = page.Items[:n]
			return page, nil
		}
		if selected {
			page.Items, addresses = append(page.Items, item), append(addresses, info.Address)
			page.Next = info.Address
		}
	}
	return page, nil
}

// between returns a position after a and before b that is no address. It reveals what all
// addresses from a to b have in common, and one bit in which they differ.
func between(a, b Address) Address {
	if a.Compare(b) >= 0 {
		return b // the store is out of order
	}
	if a.Project != b.Project {
		return Address{Project: stringBetween(a.Project, b.Project)}
	}
	return Address{Project: a.Project, Path: stringBetween(a.Path, b.Path)}
}

// stringBetween keeps the common prefix of a and b. It rounds the next character of b down to as
// few bits as a allows, and returns the position right before that.
func stringBetween(a, b string) string {
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
	return b[:n] + string(high) + string(utf8.MaxRune) // no name contains MaxRune
}
