package hashivault

import (
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/record"
)

const (
	versionTTL  = time.Minute
	maxVersions = 10_000
)

// cachedVersion is what a version holds beside its value. A version is written once, so this is
// right as long as the number is that of the current version, which Vault checks.
type cachedVersion struct {
	version myvault.Version
	seen    time.Time

	by, at, expires, rotateAfter, change string
}

// versionCache holds current versions that were read or written recently, by key.
type versionCache struct {
	mu    sync.Mutex
	known map[string]cachedVersion
}

func (c *versionCache) add(key string, n myvault.Version, d *record.Data) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if old, found := c.known[key]; found && old.version == n && old.change == d.Change.String() {
		old.seen = now
		c.known[key] = old
		return
	}
	if c.known == nil || len(c.known) >= maxVersions {
		c.known = map[string]cachedVersion{}
	}
	c.known[key] = cachedVersion{
		version: n, seen: now,
		by: d.By.String(), at: d.At.String(), expires: d.Expires.String(), rotateAfter: d.RotateAfter.String(), change: d.Change.String(),
	}
}

// last returns the newest version known of the key, 0 if there is none.
func (c *versionCache) last(key string) myvault.Version {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[key].version
}

// match returns the version of the key that meets the condition, if it is known and no later
// version can meet it.
func (c *versionCache) match(key string, condition myvault.Condition) (cachedVersion, bool) {
	c.mu.Lock()
	known, found := c.known[key]
	c.mu.Unlock()
	if !found || elapsed(known.seen) > versionTTL {
		return cachedVersion{}, false
	}
	meets := func(n myvault.Version) bool {
		return condition.Check(myvault.Info{Version: n, State: myvault.Live}) == nil
	}
	return known, meets(known.version) && !meets(known.version+1)
}

// patchTo returns the JSON merge patch (RFC 7396) that turns the data of this version into d.
func (v cachedVersion) patchTo(d record.Data) map[string]any {
	data := map[string]any{"value": nil, "base64": nil}
	if d.Value != nil {
		data["value"] = *d.Value
	} else {
		data["base64"] = d.Base64
	}
	if d.Key != "" {
		data["key"] = map[string]string{d.Key.String(): ""}
	}
	for _, member := range []struct {
		name string
		from string
		to   record.Member
	}{
		{"by", v.by, d.By}, {"at", v.at, d.At}, {"change", v.change, d.Change},
		{"expires", v.expires, d.Expires}, {"rotate_after", v.rotateAfter, d.RotateAfter},
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
