package myvault

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/myswiftagent/myvault/internal/pattern"
)

// List yields the secrets that r selects and the session may list, without values, ordered byte by
// byte by project and path. The listing is recorded in one entry before the first item. The
// sequence ends after an error.
func (s *Session) List(ctx context.Context, r ListOptions) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		visible, some, err := s.open(ctx, "list", r.Prefix, List)
		if err != nil {
			yield(Info{}, fail("list", Address{}, err))
			return
		}
		if !some {
			return
		}
		for info, err := range visible.secrets(ctx, s.vault.provider, r) {
			if err == nil && (!visible.allows(List, info.Address) || !r.matchesTimes(info)) {
				continue
			}
			if !yield(info, fail("list", Address(r.Prefix), err)) || err != nil {
				return
			}
		}
	}
}

// ListPage returns up to limit (1 to 1000) of the secrets that List yields. It looks at
// 10,000 addresses at most that the session may list, and at as many others. The page is one state
// of the store if the provider is a [Snapshotter].
//
// Page.Next is the address of the last item. If the page looked at too many addresses, it is the
// last one that the session may see but did not ask for, or a position between two hidden
// addresses. That position reveals only what some thousand neighboring hidden addresses have in
// common. It reveals no single one, except to a session that may write there.
func (s *Session) ListPage(ctx context.Context, r ListOptions, limit int) (Page[Info, Address], error) {
	if err := validateLimit(limit); err != nil {
		return Page[Info, Address]{}, fail("list", Address{}, err)
	}
	visible, some, err := s.open(ctx, "list", r.Prefix, List)
	if err != nil || !some {
		return Page[Info, Address]{}, fail("list", Address{}, err)
	}
	var page Page[Info, Address]
	err = s.vault.snapshot(ctx, func(store Reader) (err error) {
		page, err = visible.page(ctx, store, r, limit, List)
		return err
	})
	return page, fail("list", Address{}, err)
}

// GetPage returns the secrets of a page with their values: those that the session may both read
// and list, up to limit (1 to 1000) and 8 MiB. Every read is recorded before GetPage returns. The
// page is one state of the store if the provider is a [Snapshotter]. ErrInvalid if r selects
// deleted secrets.
func (s *Session) GetPage(ctx context.Context, r ListOptions, limit int) (Page[Secret, Address], error) {
	if r.Deleted {
		return Page[Secret, Address]{}, fail("get page", Address{}, fmt.Errorf("%w options: a deleted secret has no value to read", ErrInvalid))
	}
	if err := validateLimit(limit); err != nil {
		return Page[Secret, Address]{}, fail("get page", Address{}, err)
	}
	visible, some, err := s.open(ctx, "list", r.Prefix, Read|List)
	if err != nil || !some {
		return Page[Secret, Address]{}, fail("get page", Address{}, err)
	}
	var page Page[Secret, Address]
	err = s.vault.snapshot(ctx, func(store Reader) error {
		infos, err := visible.page(ctx, store, r, limit, Read|List)
		if err == nil {
			page, err = readValues(ctx, store, infos)
		}
		return err
	})
	if err != nil {
		return Page[Secret, Address]{}, fail("get page", Address{}, err)
	}
	entries := make([]Entry, len(page.Items))
	for i, secret := range page.Items {
		entries[i] = s.entry("read", secret.Address, secret.Version)
	}
	if err := s.vault.recorder.readAll(ctx, entries); err != nil {
		return Page[Secret, Address]{}, fail("get page", Address{}, err)
	}
	return page, nil
}

// page collects the secrets that r selects and for which the session has all of the actions.
func (s scope) page(ctx context.Context, store Reader, r ListOptions, limit int, actions Action) (Page[Info, Address], error) {
	return collect(s.secrets(ctx, store, r), limit, func(info Info) (Info, bool, bool) {
		return info, s.allows(actions, info.Address), r.matchesTimes(info)
	})
}

// readValues reads the secrets of a page up to its limit in bytes.
func readValues(ctx context.Context, store Reader, infos Page[Info, Address]) (Page[Secret, Address], error) {
	page := Page[Secret, Address]{Next: infos.Next, More: infos.More}
	size := 0
	for _, info := range infos.Items {
		secret, err := store.Get(ctx, info.Address, 0)
		if errors.Is(err, ErrNotFound) {
			continue // deleted since it was listed, on a provider without snapshots
		}
		if err != nil {
			return Page[Secret, Address]{}, fail("get page", info.Address, err)
		}
		size += secret.Value.Len()
		if size > maxPageValues && len(page.Items) > 0 {
			page.Next, page.More = page.Items[len(page.Items)-1].Address, true
			break
		}
		page.Items = append(page.Items, secret)
	}
	return page, nil
}

// open begins a listing of prefix and records it. It reports some if the session may do actions
// with anything there. Otherwise the listing is empty and is recorded as a denial, because denials
// are merged.
func (s *Session) open(ctx context.Context, what string, prefix Prefix, actions Action) (visible scope, some bool, err error) {
	if err := prefix.Validate(); err != nil {
		return scope{}, false, err
	}
	e := s.entry(what, Address(prefix), 0)
	r, err := s.authorize(ctx, e, anyService)
	if err != nil {
		return scope{}, false, err
	}
	if visible, some = r.scope(actions, prefix); !some {
		s.recordFailure(ctx, e, ErrDenied)
		return visible, false, nil
	}
	return visible, true, s.vault.recorder.read(ctx, e)
}

// afterReserved sorts behind all projects whose names start with a dot and before the names that
// follow them: '/' comes after '.', and no name contains it.
var afterReserved = Address{Project: "/"}

// secrets lists the secrets that r selects within the scope. It skips the records of extensions
// at once, so that their number neither shows in a page nor costs its reader time.
func (s scope) secrets(ctx context.Context, store Reader, r ListOptions) iter.Seq2[Info, error] {
	r.Prefix = s.prefix
	r = r.withoutTimes()
	if s.single {
		return single(ctx, store, r)
	}
	return func(yield func(Info, error) bool) {
		for again := true; again; {
			again = false
			for info, err := range store.List(ctx, r) {
				if err == nil && pattern.IsReserved(info.Address.Project) {
					r.After, again = afterReserved, true
					break
				}
				if !yield(info, err) || err != nil {
					return
				}
			}
		}
	}
}

// single lists the secret that the prefix names if r selects it, and nothing below it.
func single(ctx context.Context, store Reader, r ListOptions) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		if Address(r.Prefix).Compare(r.After) <= 0 {
			return
		}
		for info, err := range store.Versions(ctx, Address(r.Prefix), 0) {
			if !errors.Is(err, ErrNotFound) && (err != nil || (info.State == Live) != r.Deleted) {
				yield(info, err)
			}
			return
		}
	}
}

// matchesTimes reports whether i passes r's time filters.
func (r ListOptions) matchesTimes(i Info) bool {
	return (r.ExpiresBefore.IsZero() || !i.Expires.IsZero() && i.Expires.Before(r.ExpiresBefore)) &&
		(r.RotateBefore.IsZero() || !i.RotateAfter.IsZero() && i.RotateAfter.Before(r.RotateBefore))
}

// withoutTimes returns the options for a provider, which knows no time filters.
func (r ListOptions) withoutTimes() ListOptions {
	r.ExpiresBefore, r.RotateBefore = time.Time{}, time.Time{}
	return r
}

// Versions yields every version of a secret, newest first, without values, including deleted and
// destroyed ones. It needs the right to list. ErrNotFound if there never was such a secret.
func (s *Session) Versions(ctx context.Context, addr Address) iter.Seq2[Info, error] {
	return s.versions(ctx, addr, 0)
}

// versions yields the versions older than before, or all if it is 0.
func (s *Session) versions(ctx context.Context, addr Address, before Version) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		if err := addr.Validate(); err != nil {
			yield(Info{}, fail("versions", Address{}, err))
			return
		}
		e := s.entry("versions", addr, 0)
		_, err := s.authorizeRead(ctx, e, func(r rights) bool { return r.allows(List, addr) })
		if err != nil {
			yield(Info{}, fail("versions", addr, err))
			return
		}
		for info, err := range s.vault.provider.Versions(ctx, addr, before) {
			if !yield(info, fail("versions", addr, err)) || err != nil {
				return
			}
		}
	}
}

// VersionsPage returns up to limit (1 to 1000) of the versions that Versions yields: those older
// than before, or the newest if before is 0. Page.Next is the oldest version of the page.
func (s *Session) VersionsPage(ctx context.Context, addr Address, before Version, limit int) (Page[Info, Version], error) {
	if err := validateLimit(limit); err != nil {
		return Page[Info, Version]{}, fail("versions", Address{}, err)
	}
	var page Page[Info, Version]
	for info, err := range s.versions(ctx, addr, before) {
		if err != nil {
			return Page[Info, Version]{}, fail("versions", Address{}, err)
		}
		if page.More = len(page.Items) == limit; page.More {
			break
		}
		page.Items = append(page.Items, info)
		page.Next = info.Version
	}
	return page, nil
}
