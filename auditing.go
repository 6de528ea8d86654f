package myvault

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
)

// TrailPage is a part of the trail. While More is true it goes on before Next, which is a
// [TrailFilter].Before; a page may then be short or even empty. Next is behind the last visible
// entry of each chain, or, until there is one, before the newest entry that the first page found.
// Only a page that ended because it had looked at too many entries goes on behind hidden ones.
type TrailPage struct {
	Entries []Entry
	Next    Cursor
	More    bool
}

// Trail yields the entries in the range that the session may see, newest first: those
// whose address it may audit. Entries of a whole project need the right to audit all of
// it, those without an address and those of the vault's own [Records] the right to audit
// everything. One entry records this. ErrInvalid for an action or outcome that no entry can have.
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
			if err == nil && !visible.audits(e) {
				continue
			}
			if !yield(e, fail("trail", Address{}, err)) || err != nil {
				return
			}
		}
	}
}

// maxPageRanges is how many ranges of destroyed versions a page has before it ends.
const maxPageRanges = 4096

// TrailPage gives up to limit (1 to 1000) of what Trail yields, and looks at no more than
// 10,000 entries for it, selected or not. It ends early where entries tell of some
// thousand ranges of destroyed versions.
func (s *Session) TrailPage(ctx context.Context, r TrailFilter, limit int) (TrailPage, error) {
	if err := validateLimit(limit); err != nil {
		return TrailPage{}, fail("trail", Address{}, err)
	}
	visible, some, err := s.openTrail(ctx, r)
	if err != nil {
		return TrailPage{}, fail("trail", Address{}, err)
	}
	page := TrailPage{Next: maps.Clone(r.Before)}
	if page.Next == nil {
		page.Next = make(Cursor)
	}
	if !some {
		return page, nil
	}
	if err := s.fill(ctx, &page, visible, r, limit); err != nil {
		return TrailPage{}, fail("trail", Address{}, err)
	}
	return page, nil
}

// fill reads up to limit visible entries into page, and moves page.Next behind them.
func (s *Session) fill(ctx context.Context, page *TrailPage, visible scope, r TrailFilter, limit int) error {
	looked, ranges := 0, 0
	hidden := make(Cursor) // the last entries that must not be seen, where none was seen behind them
	// The trail is asked for all entries: one that filters by itself may look at any number.
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
			page.Next[e.Chain] = e.Seq + 1 // entries written from now on do not appear in later pages
		}
		if !visible.audits(e) {
			hidden[e.Chain] = e.Seq
			continue
		}
		if r.Contains(e) {
			if len(page.Entries) == limit || len(page.Entries) > 0 && ranges+len(e.Destroyed) > maxPageRanges {
				page.More = true
				break
			}
			page.Entries = append(page.Entries, e)
			ranges += len(e.Destroyed)
		}
		page.Next[e.Chain] = e.Seq
		delete(hidden, e.Chain)
	}
	return nil
}

// openTrail begins a reading of the trail, as open does.
func (s *Session) openTrail(ctx context.Context, r TrailFilter) (scope, bool, error) {
	if err := s.vault.validateTrail(r); err != nil {
		return scope{}, false, err
	}
	return s.open(ctx, "audit", r.Prefix, Audit)
}

// audits reports whether the entry is visible.
func (r rights) audits(e Entry) bool {
	addr := e.Address
	if reservedProject(addr.Project) {
		return r.below(Audit, Prefix{}) // no rule names the vault's own records
	}
	if addr.Path == "" || strings.HasSuffix(addr.Path, "/") {
		return r.below(Audit, Prefix(addr))
	}
	if !r.allows(Audit, addr) {
		return false
	}
	// A listing of prod is about all below it too.
	return e.Action != "list" && e.Action != "audit" || r.below(Audit, Prefix(addr))
}

// Heads gives the newest link of each chain of the trail. It needs the right to audit
// everything. [errors.ErrUnsupported] where the trail is not chained.
func (s *Session) Heads(ctx context.Context) ([]Head, error) {
	_, err := s.ask(ctx, s.entry("audit", Address{}), func(r rights) bool { return r.below(Audit, Prefix{}) })
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

// Explain tells why service may or may not do the action to addr. Asking about another
// service needs the right to audit addr. A session that was narrowed by [Session.Restrict] is told of itself
// whether it may, and no rule of its service.
func (s *Session) Explain(ctx context.Context, service string, a Action, addr Address) (Decision, error) {
	if err := validateQuestion(a, addr); err != nil {
		return Decision{}, fail("explain", Address{}, err)
	}
	own := service == s.service
	r, err := s.ask(ctx, s.entry("explain", addr), func(r rights) bool {
		return r.granted != nil && own || r.allows(Audit, addr)
	})
	if err != nil {
		return Decision{}, fail("explain", addr, err)
	}
	if own && len(r.limits) > 0 {
		return r.verdict(a, addr), nil
	}
	return r.policy.Explain(service, a, addr), nil
}

// verdict decides for a narrowed session. Its holder was given a part of the rights, and no view of the policy.
func (r rights) verdict(a Action, addr Address) Decision {
	if r.allows(a, addr) {
		return Decision{Allowed: true, Reason: "this session may"}
	}
	return Decision{Reason: "this session may not: it was narrowed, or the policy does not allow it"}
}

// Who gives the services that may do the action to addr, sorted. It needs the right to
// audit addr.
func (s *Session) Who(ctx context.Context, a Action, addr Address) ([]string, error) {
	if err := validateQuestion(a, addr); err != nil {
		return nil, fail("who", Address{}, err)
	}
	r, err := s.ask(ctx, s.entry("explain", addr), func(r rights) bool { return r.allows(Audit, addr) })
	if err != nil {
		return nil, fail("who", addr, err)
	}
	return r.policy.Who(a, addr), nil
}

// validateQuestion wants one action, and an address.
func validateQuestion(a Action, addr Address) error {
	if _, err := ParseAction(a.String()); err != nil {
		return err
	}
	return addr.Validate()
}

// Rights gives the rules of the session's service; one that was narrowed by [Session.Restrict] is
// told its limits in their place.
func (s *Session) Rights(ctx context.Context) (Rights, error) {
	r, err := s.ask(ctx, s.entry("explain", Address{}), anyone)
	if err != nil {
		return Rights{}, fail("rights", Address{}, err)
	}
	if len(r.limits) == 0 {
		return r.policy.Rights(s.service), nil
	}
	var told Rights
	for _, limit := range r.limits {
		told.Limits = append(told.Limits, slices.Clone(limit.allow))
	}
	return told, nil
}
