package httpapi

import (
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/usage"
)

// secretUsage is a secret without its value, with its last read.
type secretUsage struct {
	ID         uint64 `json:"id"`
	Project    string `json:"project"`
	Path       string `json:"path"`
	Version    uint64 `json:"version"`
	UpdatedAt  string `json:"updated_at"`
	LastReadAt string `json:"last_read_at,omitempty"` // empty: not since KnownSince
	LastReadBy string `json:"last_read_by,omitempty"`
	KnownSince string `json:"known_since"` // every read since is known
}

func (c *call) listUsage() (response, error) {
	o := usage.Options{Prefix: myvault.Prefix{Project: c.query.Get("project"), Path: c.query.Get("prefix")}}
	var err error
	if o.UnusedSince, err = c.instant("unused_since"); err != nil {
		return response{}, err
	}
	limit, err := c.limit()
	if err != nil {
		return response{}, err
	}
	if o.After, err = c.after(); err != nil {
		return response{}, err
	}
	page, err := c.api.usage.Page(c.ctx, c.session, o, limit)
	if err != nil {
		return response{}, err
	}
	items := make([]secretUsage, len(page.Items))
	for i, u := range page.Items {
		items[i] = secretUsage{
			ID: identifier(u.Project, u.Path), Project: u.Project, Path: u.Path, Version: uint64(u.Version), UpdatedAt: timestamp(u.At),
			LastReadAt: timestamp(u.LastRead), LastReadBy: u.ReadBy, KnownSince: timestamp(page.Since),
		}
	}
	return response{body: items, link: nextPage(c, page.Page)}, nil
}
