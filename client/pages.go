package client

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"strconv"
	"strings"

	"github.com/myswiftagent/myvault"
)

// pageItems is the largest number of items of a page.
const pageItems = 1000

func validateLimit(limit int) error {
	if limit < 1 || limit > pageItems {
		return fmt.Errorf("%w limit: want 1 to %d", myvault.ErrInvalid, pageItems)
	}
	return nil
}

// listing is a listing of the API.
type listing struct {
	path   string
	query  url.Values
	limit  int  // of items in a page
	values bool // pages have values
}

// page reads the page at cursor into items. It returns the cursor of the next page, "" for the
// last one.
func (c *Client) page(ctx context.Context, l listing, cursor string, items any) (next string, err error) {
	query := maps.Clone(l.query)
	if query == nil {
		query = make(url.Values)
	}
	query.Set("limit", strconv.Itoa(l.limit))
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	r := read(l.path, query)
	if r.values = l.values; r.values {
		r.limit = maxPage
	}
	header, err := c.do(ctx, r, items)
	if err != nil {
		return "", err
	}
	return nextCursor(header.Get("Link"))
}

// nextCursor returns the cursor in a Link header. Only the cursor is used: the server must not
// choose where the credentials are sent.
func nextCursor(link string) (string, error) {
	if link == "" {
		return "", nil
	}
	target, rest, closed := strings.Cut(strings.TrimPrefix(link, "<"), ">")
	_, query, found := strings.Cut(target, "?")
	values, err := url.ParseQuery(query)
	if cursor := values.Get("cursor"); closed && found && err == nil && cursor != "" && strings.Contains(rest, `rel="next"`) {
		return cursor, nil
	}
	return "", errMalformed
}

// pages yields the items of all pages from cursor on.
func pages[T any](ctx context.Context, c *Client, l listing) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for cursor := ""; ; {
			var items []T
			next, err := c.page(ctx, l, cursor, &items)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if cursor = next; cursor == "" {
				return
			}
		}
	}
}

// converted yields the items of a listing as their own type, and wraps its errors.
func converted[F, T any](items iter.Seq2[F, error], convert func(F) (T, error), wrap func(error) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for from, err := range items {
			var to T
			if err == nil {
				to, err = convert(from)
			}
			if !yield(to, wrap(err)) || err != nil {
				return
			}
		}
	}
}

// failed yields an error.
func failed[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		yield(none, err)
	}
}

// cursorName marks a position as a cursor of the server. No project may start with a dot.
const cursorName = ".cursor"

// positionOf returns the position of a cursor.
func positionOf(cursor string) myvault.Address {
	return myvault.Address{Project: cursorName, Path: cursor}
}

// cursorOf returns the cursor of a position, "" if it is an address.
func cursorOf(position myvault.Address) string {
	if position.Project == cursorName {
		return position.Path
	}
	return ""
}
