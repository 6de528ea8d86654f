package myvault

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// Limits of one page, so that a request costs a bounded amount of work and memory.
const (
	maxScan       = 10_000  // addresses looked at, visible or not
	maxPageValues = 8 << 20 // bytes of values in a page of secrets
)

// Page is a part of a listing. While More is true the listing goes on behind Next, which is
// an exclusive [Range].After; a page may then be short or even empty. Next may be an
// address that the caller must not see.
type Page[T any] struct {
	Items []T
	Next  Address
	More  bool
}

// List yields the secrets in the range that the session may list, without values, ordered
// byte by byte by project and path. One entry records the listing before the first item.
// The sequence ends after an error.
func (s *Session) List(ctx context.Context, r Range) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		visible, some, err := s.open(ctx, "list", r.Prefix, List)
		if err != nil {
			yield(Info{}, fail("list", Address{}, err))
			return
		}
		if !some {
			return
		}
		for info, err := range s.vault.secrets(ctx, r.asStored()) {
			if err == nil && (!visible.allows(List, info.Address) || !r.duly(info)) {
				continue
			}
			if !yield(info, fail("list", Address(r.Prefix), err)) || err != nil {
				return
			}
		}
	}
}

// ListPage gives up to limit (1 to 1000) of what List yields, and looks at no more than
// 10,000 addresses for it.
func (s *Session) ListPage(ctx context.Context, r Range, limit int) (Page[Info], error) {
	page, err := s.page(ctx, r, limit, List)
	return page, fail("list", Address{}, err)
}

// GetPage gives the secrets of a page with their values: those that the session may both
// read and list, up to limit (1 to 1000) and 8 MiB. Every read is on record before it
// returns. Range.Deleted is ErrInvalid.
func (s *Session) GetPage(ctx context.Context, r Range, limit int) (Page[Secret], error) {
	if r.Deleted {
		return Page[Secret]{}, fail("get page", Address{}, fmt.Errorf("%w range: a deleted secret has no value to read", ErrInvalid))
	}
	infos, err := s.page(ctx, r, limit, Read|List)
	if err != nil {
		return Page[Secret]{}, fail("get page", Address{}, err)
	}
	page := Page[Secret]{Next: infos.Next, More: infos.More}
	var entries []Entry
	size := 0
	for i, info := range infos.Items {
		secret, err := s.vault.provider.Get(ctx, info.Address, 0)
		if errors.Is(err, ErrNotFound) {
			continue // deleted since it was listed
		}
		if err != nil {
			return Page[Secret]{}, fail("get page", info.Address, err)
		}
		size += secret.Value.Len()
		if size > maxPageValues && len(page.Items) > 0 {
			page.Next, page.More = infos.Items[i-1].Address, true
			break
		}
		entries = append(entries, s.readEntry(info.Address, secret.Version))
		page.Items = append(page.Items, secret)
	}
	if err := s.vault.recorder.readAll(ctx, entries); err != nil {
		return Page[Secret]{}, fail("get page", Address{}, err)
	}
	return page, nil
}

// page collects what the session has all of the actions for.
func (s *Session) page(ctx context.Context, r Range, limit int, actions Action) (Page[Info], error) {
	if err := validateLimit(limit); err != nil {
		return Page[Info]{}, err
	}
	visible, some, err := s.open(ctx, "list", r.Prefix, actions)
	if err != nil || !some {
		return Page[Info]{}, err
	}
	return collect(s.vault.secrets(ctx, r.asStored()), limit, func(info Info) (Info, bool) {
		return info, visible.allows(actions, info.Address) && r.duly(info)
	})
}

// collect makes a page of what shown gives of the secrets and says to be seen. That there is more is said
// only once another such one was found, or after looking at maxScan: hidden ones must not show in it.
func collect[T any](secrets iter.Seq2[Info, error], limit int, shown func(Info) (T, bool)) (Page[T], error) {
	var page Page[T]
	scanned := 0
	for info, err := range secrets {
		if err != nil {
			return Page[T]{}, err
		}
		item, seen := shown(info)
		if scanned == maxScan || seen && len(page.Items) == limit {
			page.More = true
			break
		}
		scanned++
		page.Next = info.Address
		if seen {
			page.Items = append(page.Items, item)
		}
	}
	return page, nil
}

// open begins a listing of what prefix selects, and records it. some tells whether the session
// has the actions for anything there; else the listing is empty, and recorded as a denial,
// which floods do not multiply.
func (s *Session) open(ctx context.Context, what string, prefix Prefix, actions Action) (visible rights, some bool, err error) {
	if err := prefix.Validate(); err != nil {
		return rights{}, false, err
	}
	e := s.entry(what, Address(prefix))
	if visible, err = s.admit(ctx, e, anyone); err != nil {
		return rights{}, false, err
	}
	if !visible.somewhere(actions, prefix.Project) {
		s.refuse(ctx, e, ErrDenied)
		return visible, false, nil
	}
	return visible, true, s.vault.recorder.read(ctx, e)
}

// Versions yields every version of a secret, newest first, without values: deleted and
// destroyed ones too. It needs the right to list. ErrNotFound where there never was one.
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
		e := s.entry("versions", addr)
		_, err := s.ask(ctx, e, func(r rights) bool { return r.allows(List, addr) })
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
