package client

import (
	"context"
	"net/url"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/usage"
)

// usageItem is a secret of an answer, with its last read.
type usageItem struct {
	Project    string `json:"project"`
	Path       string `json:"path"`
	Version    uint64 `json:"version"`
	UpdatedAt  string `json:"updated_at"`
	LastReadAt string `json:"last_read_at"`
	LastReadBy string `json:"last_read_by"`
	KnownSince string `json:"known_since"`
}

// UsagePage returns up to limit (1 to 1000) of the live secrets that the caller may audit, and when
// each was last read, as [usage.Index.Page] does. Of each version it has the number and the time.
// Since is zero if the page has no secret. Next is a position that this method alone understands,
// and After is one or zero.
func (c *Client) UsagePage(ctx context.Context, o usage.Options, limit int) (usage.Page, error) {
	page, err := c.usagePage(ctx, o, limit)
	return page, fail("usage", myvault.Address{}, err)
}

func (c *Client) usagePage(ctx context.Context, o usage.Options, limit int) (page usage.Page, err error) {
	if err := validateLimit(limit); err != nil {
		return page, err
	}
	if err := o.Prefix.Validate(); err != nil {
		return page, err
	}
	query := make(url.Values)
	set(query, "project", o.Prefix.Project)
	set(query, "prefix", o.Prefix.Path)
	set(query, "unused_since", timeText(o.UnusedSince))
	var items []usageItem
	next, err := c.page(ctx, listing{path: "/api/usage", query: query, limit: limit}, cursorOf(o.After), &items)
	if err != nil {
		return page, err
	}
	for _, i := range items {
		used := usage.Secret{ReadBy: i.LastReadBy}
		used.Info = myvault.Info{
			Address: myvault.Address{Project: i.Project, Path: i.Path}, Version: myvault.Version(i.Version), State: myvault.Live,
		}
		err := parseTimes(
			timeMember{i.UpdatedAt, &used.At}, timeMember{i.LastReadAt, &used.LastRead}, timeMember{i.KnownSince, &page.Since},
		)
		if err != nil {
			return usage.Page{}, err
		}
		page.Items = append(page.Items, used)
	}
	if next != "" {
		page.Next, page.More = positionOf(next), true
	}
	return page, nil
}
