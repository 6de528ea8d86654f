package client

import (
	"context"
	"encoding/hex"
	"iter"
	"net/url"
	"strings"

	"github.com/myswiftagent/myvault"
)

// entryItem is an entry of an answer.
type entryItem struct {
	Chain     string `json:"chain"`
	Seq       uint64 `json:"seq"`
	At        string `json:"at"`
	Service   string `json:"service"`
	Via       string `json:"via"`
	Remote    string `json:"remote"`
	Action    string `json:"action"`
	Project   string `json:"project"`
	Path      string `json:"path"`
	Version   uint64 `json:"version"`
	Destroyed []struct {
		First uint64 `json:"first"`
		Last  uint64 `json:"last"`
	} `json:"destroyed"`
	Outcome   string `json:"outcome"`
	Count     uint64 `json:"count"`
	RequestID string `json:"request_id"`
}

func (e entryItem) entry() (myvault.Entry, error) {
	entry := myvault.Entry{
		Chain: e.Chain, Seq: e.Seq, Service: e.Service, Via: e.Via, Request: e.RequestID, Remote: e.Remote,
		Action: e.Action, Address: myvault.Address{Project: e.Project, Path: e.Path}, Version: myvault.Version(e.Version),
		Outcome: myvault.Outcome(e.Outcome), Count: e.Count,
	}
	for _, r := range e.Destroyed {
		entry.Destroyed = append(entry.Destroyed, myvault.VersionRange{First: myvault.Version(r.First), Last: myvault.Version(r.Last)})
	}
	var err error
	entry.At, err = parseTime(e.At)
	return entry, err
}

// Trail yields entries of the trail, newest first, as [myvault.Session.Trail] does. They lack
// First, Last, Seen, Prev and MAC. Each page of 1,000 is recorded.
func (c *Client) Trail(ctx context.Context, r myvault.TrailFilter) iter.Seq2[myvault.Entry, error] {
	wrap := func(err error) error { return fail("trail", myvault.Address{}, err) }
	if err := r.Prefix.Validate(); err != nil {
		return failed[myvault.Entry](wrap(err))
	}
	entries := converted(pages[entryItem](ctx, c, listTrail(r, pageItems)), entryItem.entry, wrap)
	return func(yield func(myvault.Entry, error) bool) {
		for e, err := range entries {
			if err == nil && !isBefore(e, r.Before) {
				continue
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// isBefore reports whether e is before a position in the trail.
func isBefore(e myvault.Entry, before myvault.Cursor) bool {
	seq, bounded := before[e.Chain]
	return !bounded || e.Seq < seq
}

// TrailPage returns up to limit (1 to 1000) of the entries that Trail yields. Next is a position
// that this method alone understands. Before may also have sequences: the pages before them are
// then read and skipped.
func (c *Client) TrailPage(ctx context.Context, r myvault.TrailFilter, limit int) (myvault.Page[myvault.Entry, myvault.Cursor], error) {
	page, err := c.trailPage(ctx, r, limit)
	return page, fail("trail", myvault.Address{}, err)
}

func (c *Client) trailPage(ctx context.Context, r myvault.TrailFilter, limit int) (page myvault.Page[myvault.Entry, myvault.Cursor], err error) {
	if err := validateLimit(limit); err != nil {
		return page, err
	}
	if err := r.Prefix.Validate(); err != nil {
		return page, err
	}
	cursor := trailCursor(r.Before)
	skipping := cursor == "" && len(r.Before) > 0
	for first := true; first || skipping && cursor != "" && len(page.Items) == 0; first = false {
		var items []entryItem
		next, err := c.page(ctx, listTrail(r, limit), cursor, &items)
		if err != nil {
			return page, err
		}
		for _, i := range items {
			e, err := i.entry()
			if err != nil {
				return myvault.Page[myvault.Entry, myvault.Cursor]{}, err
			}
			if isBefore(e, r.Before) {
				page.Items = append(page.Items, e)
			}
		}
		cursor = next
	}
	page.Next, page.More = position(r.Before, cursor), cursor != ""
	return page, nil
}

// position returns the position of a cursor of the server, which still excludes the entries that
// before excludes: those of one chain may be on later pages than others of another chain.
func position(before myvault.Cursor, cursor string) myvault.Cursor {
	next := make(myvault.Cursor)
	for chain, seq := range before {
		if !strings.HasPrefix(chain, cursorName) {
			next[chain] = seq
		}
	}
	if cursor != "" {
		next[cursorName+"/"+cursor] = 0
	}
	return next
}

// trailCursor returns the cursor of a position, "" if it has sequences of chains.
func trailCursor(before myvault.Cursor) string {
	for name := range before {
		if cursor, found := strings.CutPrefix(name, cursorName+"/"); found {
			return cursor
		}
	}
	return ""
}

// listTrail returns the listing of the entries that r selects.
func listTrail(r myvault.TrailFilter, limit int) listing {
	query := make(url.Values)
	set(query, "project", r.Prefix.Project)
	set(query, "prefix", r.Prefix.Path)
	set(query, "service", r.Service)
	set(query, "action", r.Action)
	set(query, "outcome", string(r.Outcome))
	set(query, "since", timeText(r.Since))
	set(query, "until", timeText(r.Until))
	return listing{path: "/api/audit", query: query, limit: limit}
}

// Heads returns the newest link of each chain of the trail, as [myvault.Session.Heads] does.
func (c *Client) Heads(ctx context.Context) ([]myvault.Head, error) {
	var items []struct {
		Chain string `json:"chain"`
		Seq   uint64 `json:"seq"`
		At    string `json:"at"`
		MAC   string `json:"mac"`
	}
	if _, err := c.do(ctx, read("/api/audit/state", nil), &items); err != nil {
		return nil, fail("heads", myvault.Address{}, err)
	}
	heads := make([]myvault.Head, len(items))
	for n, i := range items {
		mac, err := hex.DecodeString(i.MAC)
		at, wrong := parseTime(i.At)
		if err != nil || wrong != nil {
			return nil, fail("heads", myvault.Address{}, errMalformed)
		}
		heads[n] = myvault.Head{Chain: i.Chain, Seq: i.Seq, At: at, MAC: mac}
	}
	return heads, nil
}
