package myvault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Usage is a secret without its value, and when it was last read.
type Usage struct {
	Info
	LastRead time.Time // of any of its versions; zero: not since UsagePage.Since
	ReadBy   string    // the service
}

// UsageRange selects secrets.
type UsageRange struct {
	Prefix Prefix
	After  Address // exclusive, from Page.Next
	// UnusedSince leaves only the secrets that were not read at this time or later. Zero: all.
	UnusedSince time.Time
}

// UsagePage is a part of what was asked for, as other pages are.
type UsagePage struct {
	Page[Usage]
	// Since is the time from which on every read is known: that of the oldest entry of the trail,
	// which may have been pruned. A secret without LastRead may have been read before. Zero
	// where the trail has no entry, and while entries are being looked at.
	Since time.Time
}

// UsagePage gives up to limit (1 to 1000) of the live secrets in the range that the session may
// audit, and when each was last read, by the entries of the trail. Reads of a page and those
// that were told "not modified" count; listings do not. It looks at no more than 10,000 secrets
// that the session may audit, as many that it may not, and 10,000 entries: while more were
// written since the vault was asked last, at first all that there are, pages are empty with
// More set.
//
// Other processes that share the trail are seen as soon as their entries are written, which
// with Relaxed is 50 ms later. What a vault with reads Off does, nobody knows. [errors.ErrUnsupported] where this
// vault records no reads.
func (s *Session) UsagePage(ctx context.Context, r UsageRange, limit int) (UsagePage, error) {
	page, err := s.usage(ctx, r, limit)
	return page, fail("usage", Address{}, err)
}

func (s *Session) usage(ctx context.Context, r UsageRange, limit int) (page UsagePage, err error) {
	if err := validateLimit(limit); err != nil {
		return page, err
	}
	visible, some, err := s.open(ctx, "audit", r.Prefix, Audit)
	if err != nil || !some {
		return page, err
	}
	v := s.vault
	if _, none := v.trail.(NoTrail); none || v.recorder.mode == Off {
		return page, fmt.Errorf("this vault does not record reads: %w", errors.ErrUnsupported)
	}
	if err := v.recorder.reads.flush(); err != nil { // what waits is read already
		return page, err
	}
	if err := v.usage.lock(ctx); err != nil {
		return page, err
	}
	defer v.usage.unlock()
	done, err := v.usage.forward(ctx, v.trail)
	if err != nil || !done {
		page.Next, page.More = r.After, err == nil
		return page, err
	}
	err = v.snapshot(ctx, func(store Reader) (err error) {
		page.Page, err = collect(visible.secrets(ctx, store, ListOptions{After: r.After}), limit, func(info Info) (Usage, bool, bool) {
			u := v.usage.of(info)
			return u, visible.allows(Audit, info.Address), (r.UnusedSince.IsZero() || u.LastRead.Before(r.UnusedSince))
		})
		return err
	})
	page.Since = v.usage.since()
	return page, err
}
