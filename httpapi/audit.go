package httpapi

import (
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/rfc3339"
)

// entry is an entry of the trail.
type entry struct {
	Chain     string `json:"chain"`
	Seq       uint64 `json:"seq"` // within the chain
	At        string `json:"at"`
	Service   string `json:"service"`
	Via       string `json:"via"`
	Remote    string `json:"remote,omitempty"` // of failed log-ins
	Action    string `json:"action"`
	Project   string `json:"project"`
	Path      string `json:"path"`
	Version   uint64 `json:"version"`
	Destroyed []span `json:"destroyed,omitempty"` // by a destroy
	Outcome   string `json:"outcome"`
	Count     uint64 `json:"count"`
	RequestID string `json:"request_id"`
}

// span is a range of versions, from First to Last inclusive.
type span struct {
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

func spansOf(ranges []myvault.VersionRange) []span {
	spans := make([]span, len(ranges))
	for i, r := range ranges {
		spans[i] = span{uint64(r.First), uint64(r.Last)}
	}
	return spans
}

func entryOf(e myvault.Entry) entry {
	return entry{
		Chain:     e.Chain,
		Seq:       e.Seq,
		At:        timestamp(e.At),
		Service:   e.Service,
		Via:       e.Via,
		Remote:    e.Remote,
		Action:    e.Action,
		Project:   e.Address.Project,
		Path:      e.Address.Path,
		Version:   uint64(e.Version),
		Destroyed: spansOf(e.Destroyed),
		Outcome:   string(e.Outcome),
		Count:     e.Count,
		RequestID: e.Request,
	}
}

func (c *call) listTrail() (response, error) {
	r, err := c.trailRange()
	if err != nil {
		return response{}, err
	}
	limit, err := c.limit()
	if err != nil {
		return response{}, err
	}
	if r.Before, err = c.position(); err != nil {
		return response{}, err
	}
	page, err := c.session.TrailPage(c.ctx, r, limit)
	if err != nil {
		return response{}, err
	}
	entries := make([]entry, len(page.Items))
	for i, e := range page.Items {
		entries[i] = entryOf(e)
	}
	a := response{body: entries}
	if page.More {
		var fields []string
		for _, chain := range slices.Sorted(maps.Keys(page.Next)) {
			fields = append(fields, chain, strconv.FormatUint(page.Next[chain], 10))
		}
		a.link = c.next(fields...)
	}
	return a, nil
}

// trailRange reads the filters.
func (c *call) trailRange() (myvault.TrailFilter, error) {
	r := myvault.TrailFilter{
		Prefix:  myvault.Prefix{Project: c.query.Get("project"), Path: c.query.Get("prefix")},
		Service: c.query.Get("service"),
		Action:  c.query.Get("action"),
		Outcome: myvault.Outcome(c.query.Get("outcome")),
	}
	var err error
	if r.Since, err = c.instant("since"); err != nil {
		return r, err
	}
	r.Until, err = c.instant("until")
	return r, err
}

func (c *call) instant(name string) (time.Time, error) {
	text := c.query.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := rfc3339.Parse(text)
	if err != nil || t.IsZero() { // the zero time would match everything
		return t, badRequest("invalid query parameter " + name + ": use a time such as 2026-01-31T12:00:00Z")
	}
	return t, nil
}

// position returns the position in the trail at which a listing continues.
func (c *call) position() (myvault.Cursor, error) {
	fields, err := c.cursor()
	if err != nil || fields == nil {
		return nil, err
	}
	position := make(myvault.Cursor)
	for pair := range slices.Chunk(fields, 2) {
		if len(pair) == 2 {
			position[pair[0]], err = strconv.ParseUint(pair[1], 10, 64)
		}
		if err != nil || len(pair) != 2 {
			return nil, badRequest("malformed cursor: start again without it")
		}
	}
	return position, nil
}

// head is the newest link of a chain. A copy kept elsewhere shows later whether the chain
// was truncated.
type head struct {
	Chain string `json:"chain"`
	Seq   uint64 `json:"seq"`
	At    string `json:"at"`
	MAC   string `json:"mac"` // hexadecimal
}

func (c *call) trailState() (response, error) {
	found, err := c.session.Heads(c.ctx)
	heads := make([]head, len(found))
	for i, h := range found {
		heads[i] = head{h.Chain, h.Seq, timestamp(h.At), hex.EncodeToString(h.MAC)}
	}
	return response{body: heads}, err
}
