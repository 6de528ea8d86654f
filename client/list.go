package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"

	"github.com/myswiftagent/myvault"
)

// List yields the secrets that r selects, as [myvault.Session.List] does. Each page of 1,000 is a
// separate listing in the trail, and one state of the store.
func (c *Client) List(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
	wrap := func(err error) error { return fail("list", myvault.Address{}, err) }
	if err := r.Prefix.Validate(); err != nil {
		return failed[myvault.Info](wrap(err))
	}
	return func(yield func(myvault.Info, error) bool) {
		for info, err := range converted(pages[item](ctx, c, listSecrets(r, pageItems)), item.info, wrap) {
			if err == nil && info.Compare(r.After) <= 0 {
				continue
			}
			if !yield(info, err) || err != nil {
				return
			}
		}
	}
}

// ListPage returns up to limit (1 to 1000) of the secrets that List yields. Next is a position
// that this method alone understands. After may also be an address: the pages before it are then
// read and skipped.
func (c *Client) ListPage(ctx context.Context, r myvault.ListOptions, limit int) (myvault.Page[myvault.Info, myvault.Address], error) {
	page, err := secretPage(ctx, c, listSecrets(r, limit), r, item.info, func(i myvault.Info) myvault.Address { return i.Address })
	return page, fail("list", myvault.Address{}, err)
}

// GetPage returns secrets with their values, as [myvault.Session.GetPage] does. Its position is
// that of ListPage. [errors.ErrUnsupported] unless r names a project and no times.
func (c *Client) GetPage(ctx context.Context, r myvault.ListOptions, limit int) (myvault.Page[myvault.Secret, myvault.Address], error) {
	wrap := func(err error) error { return fail("get page", myvault.Address{}, err) }
	switch {
	case r.Deleted:
		return myvault.Page[myvault.Secret, myvault.Address]{}, wrap(fmt.Errorf("%w options: a deleted secret has no value to read", myvault.ErrInvalid))
	case r.Prefix.Project == "" || !r.ExpiresBefore.IsZero() || !r.RotateBefore.IsZero():
		return myvault.Page[myvault.Secret, myvault.Address]{}, wrap(fmt.Errorf("%w over HTTP: values are read by project, whatever their times", errors.ErrUnsupported))
	}
	l := listing{path: secretPath("/api/secrets", myvault.Address{Project: r.Prefix.Project}), query: make(url.Values), limit: limit, values: true}
	set(l.query, "prefix", r.Prefix.Path)
	page, err := secretPage(ctx, c, l, r, item.secret, func(s myvault.Secret) myvault.Address { return s.Address })
	return page, wrap(err)
}

// listSecrets returns the listing of the secrets that r selects.
func listSecrets(r myvault.ListOptions, limit int) listing {
	query := make(url.Values)
	set(query, "project", r.Prefix.Project)
	set(query, "prefix", r.Prefix.Path)
	set(query, "expires_before", timeText(r.ExpiresBefore))
	set(query, "rotate_before", timeText(r.RotateBefore))
	if r.Deleted {
		query.Set("deleted", "true")
	}
	return listing{path: "/api/secrets", query: query, limit: limit}
}

// set sets a query parameter unless its value is empty, which the API refuses.
func set(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}

// secretPage returns the page of l after r.After. If that is an address, it reads pages up to the
// first one with an item behind it.
func secretPage[T any](ctx context.Context, c *Client, l listing, r myvault.ListOptions, convert func(item) (T, error), addr func(T) myvault.Address) (page myvault.Page[T, myvault.Address], err error) {
	if err := validateLimit(l.limit); err != nil {
		return page, err
	}
	if err := r.Prefix.Validate(); err != nil {
		return page, err
	}
	cursor := cursorOf(r.After)
	after := r.After
	if cursor != "" {
		after = myvault.Address{}
	}
	for {
		var items []item
		next, err := c.page(ctx, l, cursor, &items)
		if err != nil {
			return page, err
		}
		for _, i := range items {
			found, err := convert(i)
			if err != nil {
				return myvault.Page[T, myvault.Address]{}, err
			}
			if addr(found).Compare(after) > 0 {
				page.Items = append(page.Items, found)
			}
		}
		if cursor = next; cursor == "" || len(page.Items) > 0 || after == (myvault.Address{}) {
			break
		}
	}
	if cursor != "" {
		page.Next, page.More = positionOf(cursor), true
	} else if n := len(page.Items); n > 0 {
		page.Next = addr(page.Items[n-1])
	}
	return page, nil
}

// Versions yields every version of a secret, newest first, as [myvault.Session.Versions] does.
func (c *Client) Versions(ctx context.Context, addr myvault.Address) iter.Seq2[myvault.Info, error] {
	if err := addr.Validate(); err != nil {
		return failed[myvault.Info](fail("versions", myvault.Address{}, err))
	}
	l := listing{path: secretPath("/api/versions", addr), limit: pageItems}
	return converted(pages[item](ctx, c, l), func(i item) (myvault.Info, error) {
		i.Project, i.Path = addr.Project, addr.Path
		return i.info()
	}, func(err error) error { return fail("versions", addr, err) })
}

// VersionsPage returns up to limit (1 to 1000) of the versions that Versions yields, older than
// before, as [myvault.Session.VersionsPage] does. It reads the newer ones too.
func (c *Client) VersionsPage(ctx context.Context, addr myvault.Address, before myvault.Version, limit int) (myvault.Page[myvault.Info, myvault.Version], error) {
	if err := validateLimit(limit); err != nil {
		return myvault.Page[myvault.Info, myvault.Version]{}, fail("versions", myvault.Address{}, err)
	}
	var page myvault.Page[myvault.Info, myvault.Version]
	for info, err := range c.Versions(ctx, addr) {
		if err != nil {
			return myvault.Page[myvault.Info, myvault.Version]{}, err
		}
		if before > 0 && info.Version >= before {
			continue
		}
		if page.More = len(page.Items) == limit; page.More {
			break
		}
		page.Items, page.Next = append(page.Items, info), info.Version
	}
	return page, nil
}
