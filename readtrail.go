package myvault

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"strings"

	"github.com/myswiftagent/myvault/internal/pattern"
)

// Trail yields the entries that r selects and the session may see, newest first: those whose
// address it may audit. Entries about a whole project need the right to audit all of it. Entries
// without an address, and those of an [Extension]'s records, need the right to audit everything.
// Reading the trail is recorded in one entry. ErrInvalid for an action or outcome that no entry
// can have.
func (s *Session) Trail(ctx context.Context, r TrailFilter) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		visible, some, err := s.openTrail(ctx, r)
		if err != nil {
			yield(Entry{}, fail("trail", Address{}, err))
			return
		}
		if !some {
			return
		}
		for e, err := range s.vault.trail.Entries(ctx, r) {
			if err == nil && !visible.showsEntry(e) {
				continue
			}
			if !yield(e, fail("trail", Address{}, err)) || err != nil {
				return
			}
		}
	}
}

// maxPageRanges bounds the ranges of destroyed versions in a page.
const maxPageRanges = 4096

// TrailPage returns up to limit (1 to 1000) of the entries that Trail yields. It looks at
// 10,000 entries at most, selected or not, and ends early if its entries name some thousand ranges
// of destroyed versions.
//
// Page.Next is the [TrailFilter].Before of the next page. It has the last visible entry of each
// chain. For a chain with none it has the newest entry when the first page was read. It has an
// entry that the session may not see only if the page ended because it had looked at too many.
func (s *Session) TrailPage(ctx context.Context, r TrailFilter, limit int) (Page[Entry, Cursor], error) {
	if err := validateLimit(limit); err != nil {
		return Page[Entry, Cursor]{}, fail("trail", Address{}, err)
	}
	visible, some, err := s.openTrail(ctx, r)
	if err != nil {
		return Page[Entry, Cursor]{}, fail("trail", Address{}, err)
	}
	page := Page[Entry, Cursor]{Next: maps.Clone(r.Before)}
	if page.Next == nil {
		page.Next = make(Cursor)
	}
	if !some {
		return page, nil
	}
	if err := s.readTrail(ctx, &page, visible, r, limit); err != nil {
		return Page[Entry, Cursor]{}, fail("trail", Address{}, err)
	}
	return page, nil
}

// readTrail reads up to limit visible entries into page and moves page.Next behind them.
func (s *Session) readTrail(ctx context.Context, page *Page[Entry, Cursor], visible scope, r TrailFilter, limit int) error {
	looked, ranges := 0, 0
	hidden := make(Cursor) // the last hidden entry of each chain with no visible one behind it
	// Ask for all entries: a trail that filters may look at any number.
	for e, err := range s.vault.trail.Entries(ctx, TrailFilter{Before: r.Before}) {
		if err != nil {
			return err
		}
		if looked == maxScan {
			page.More = true
			maps.Copy(page.Next, hidden)
			break
		}
		looked++
		if _, found := page.Next[e.Chain]; !found {
			page.Next[e.Chain] = e.Seq + 1 // later pages must not contain entries written from now on
		}
		if !visible.showsEntry(e) {
			hidden[e.Chain] = e.Seq
			continue
		}
		if r.Contains(e) {
			if len(page.Items) == limit || len(page.Items) > 0 && ranges+len(e.Destroyed) > maxPageRanges {
				page.More = true
				break
			}
			page.Items = append(page.Items, e)
			ranges += len(e.Destroyed)
		}
		page.Next[e.Chain] = e.Seq
		delete(hidden, e.Chain)
	}
	return nil
}

// openTrail begins a reading of the trail, as open does.
func (s *Session) openTrail(ctx context.Context, r TrailFilter) (scope, bool, error) {
	if err := s.vault.validateFilter(r); err != nil {
		return scope{}, false, err
	}
	return s.open(ctx, "audit", r.Prefix, Audit)
}

// showsEntry reports whether the session may see the entry.
func (r rights) showsEntry(e Entry) bool {
	addr := e.Address
	if pattern.IsReserved(addr.Project) {
		return r.allowsAll(Audit, Prefix{}) // no rule covers an extension's records
	}
	if addr.Path == "" || strings.HasSuffix(addr.Path, "/") {
		return r.allowsAll(Audit, Prefix(addr))
	}
	if !r.allows(Audit, addr) {
		return false
	}
	// A listing of prod is about everything below prod too.
	return e.Action != "list" && e.Action != "audit" || r.allowsAll(Audit, Prefix(addr))
}

// Heads returns the newest link of each chain of the trail. It needs the right to audit
// everything. [errors.ErrUnsupported] if the trail is no [Auditor].
func (s *Session) Heads(ctx context.Context) ([]Head, error) {
	_, err := s.authorizeRead(ctx, s.entry("audit", Address{}, 0), func(r rights) bool { return r.allowsAll(Audit, Prefix{}) })
	if err != nil {
		return nil, fail("heads", Address{}, err)
	}
	auditor, ok := s.vault.trail.(Auditor)
	if !ok {
		return nil, fail("heads", Address{}, fmt.Errorf("this trail is not chained: %w", errors.ErrUnsupported))
	}
	heads, err := auditor.Heads(ctx)
	return heads, fail("heads", Address{}, err)
}
