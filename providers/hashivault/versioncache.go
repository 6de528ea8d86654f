package hashivault

import (
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
)

const (
	hintTime = time.Minute
	maxHints = 10_000
)

// hint is what a version holds beside its value. A version is written once, so a hint is
// right as long as the number is that of the current version, which Vault is asked to check.
type hint struct {
	version myvault.Version
	seen    time.Time

	by, at, expires, rotateAfter, change string
}

// hints remembers versions that were read or written a moment ago, by the key.
type hints struct {
	mu    sync.Mutex
	known map[string]hint
}

func (h *hints) remember(key string, n myvault.Version, r *record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if old, found := h.known[key]; found && old.version == n && old.change == r.Change.String() {
		old.seen = now
		h.known[key] = old
		return
	}
	if h.known == nil || len(h.known) >= maxHints {
		h.known = map[string]hint{}
	}
	h.known[key] = hint{
		version: n, seen: now,
		by: r.By.String(), at: r.At.String(), expires: r.Expires.String(), rotateAfter: r.RotateAfter.String(), change: r.Change.String(),
	}
}

// last returns the newest version known of the key, 0 if none is.
func (h *hints) last(key string) myvault.Version {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.known[key].version
}

// of gives the version for which alone the condition holds, if it is known.
func (h *hints) of(key string, condition myvault.Condition) (hint, bool) {
	h.mu.Lock()
	known, found := h.known[key]
	h.mu.Unlock()
	if !found || elapsed(known.seen) > hintTime {
		return hint{}, false
	}
	holds := func(n myvault.Version) bool {
		return condition.Check(myvault.Info{Version: n, State: myvault.Live}) == nil
	}
	return known, holds(known.version) && !holds(known.version+1)
}

// changes gives what makes the record of the hint into another one, by RFC 7396.
func (h hint) changes(r record) map[string]any {
	data := map[string]any{"value": nil, "base64": nil}
	if r.Value != nil {
		data["value"] = *r.Value
	} else {
		data["base64"] = r.Base64
	}
	if r.Key != "" {
		data["key"] = map[string]string{r.Key.String(): ""}
	}
	for _, member := range []struct {
		name string
		from string
		to   name
	}{
		{"by", h.by, r.By}, {"at", h.at, r.At}, {"change", h.change, r.Change},
		{"expires", h.expires, r.Expires}, {"rotate_after", h.rotateAfter, r.RotateAfter},
	} {
		switch {
		case member.to.String() != "":
			names := map[string]*string{member.from: nil}
			if member.from == "" {
				clear(names)
			}
			names[member.to.String()] = new(string)
			data[member.name] = names
		case member.from != "":
			data[member.name] = nil
		}
	}
	return data
}
