package record

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
)

// Vault takes 64 entries of 512 bytes in the custom metadata of a key. One of them names the key.
const (
	tombstonePrefix  = "myvault-" // followed by a number
	tombstoneEntries = 60
	entryBytes       = 512
	maxAuthor        = 256 // bytes; no service has a longer name
)

// Tombstones hold author and times of versions that cannot be read. Vault returns neither data
// nor names of members of a deleted or destroyed version, so they are written to the custom
// metadata of its key before the deletion. Every answer about the key contains the custom
// metadata. If they do not fit, the oldest are dropped.
type Tombstones map[myvault.Version]myvault.Info

// ReadTombstones reads the custom metadata of a key. It skips entries of other programs.
func ReadTombstones(custom map[string]string) Tombstones {
	all := Tombstones{}
	for name, text := range custom {
		if !strings.HasPrefix(name, tombstonePrefix) {
			continue
		}
		for one := range strings.SplitSeq(text, ";") {
			if i, ok := parseTombstone(one); ok {
				all[i.Version] = i
			}
		}
	}
	return all
}

// formatTombstone writes "version,time,author,expires,rotate after".
func formatTombstone(i myvault.Info) string {
	by := url.QueryEscape(i.By)
	if len(by) > maxAuthor {
		by = ""
	}
	return fmt.Sprintf("%d,%s,%s,%s,%s", i.Version, formatTime(i.At), by, formatTime(i.Expires), formatTime(i.RotateAfter))
}

func parseTombstone(text string) (myvault.Info, bool) {
	f := strings.Split(text, ",")
	if len(f) != 5 {
		return myvault.Info{}, false
	}
	version, err := strconv.ParseUint(f[0], 10, 64)
	by, err2 := url.QueryUnescape(f[2])
	if err != nil || err2 != nil {
		return myvault.Info{}, false
	}
	return myvault.Info{
		Version: myvault.Version(version), At: parseShortTime(f[1]), By: by,
		Expires: parseShortTime(f[3]), RotateAfter: parseShortTime(f[4]),
	}, true
}

// formatTime writes a time as microseconds since 1970 in base 36, and the zero time as "".
func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMicro(), 36)
}

func parseShortTime(s string) time.Time {
	n, err := strconv.ParseInt(s, 36, 64)
	if err != nil {
		return time.Time{}
	}
	t := time.UnixMicro(n).UTC()
	if t.Year() < 1 || t.Year() > 9999 {
		return time.Time{} // no secret has such a time
	}
	return t
}

// Add returns the entries of custom that change if tombstones of the given versions are added, or
// nil if all versions have one. A nil value removes an entry.
func (t Tombstones) Add(custom map[string]string, infos []myvault.Info) map[string]*string {
	added := false
	all := maps.Clone(t)
	for _, i := range infos {
		if _, found := all[i.Version]; !found {
			all[i.Version], added = i, true
		}
	}
	if !added {
		return nil
	}
	packed := all.pack()
	changes := map[string]*string{}
	for name := range custom {
		if _, keep := packed[name]; !keep && strings.HasPrefix(name, tombstonePrefix) {
			changes[name] = nil
		}
	}
	for name, text := range packed {
		if custom[name] != text {
			changes[name] = &text
		}
	}
	return changes
}

// pack returns the entries that hold the tombstones, or as many of the newest as fit.
func (t Tombstones) pack() map[string]string {
	versions := slices.Sorted(maps.Keys(t))
	for first := 0; ; first += 1 + (len(versions)-first)/16 {
		var entries []string
		for _, v := range versions[first:] {
			text := formatTombstone(t[v])
			last := len(entries) - 1
			if last >= 0 && len(entries[last])+1+len(text) <= entryBytes {
				entries[last] += ";" + text
			} else {
				entries = append(entries, text)
			}
		}
		if len(entries) <= tombstoneEntries {
			packed := make(map[string]string, len(entries))
			for i, text := range entries {
				packed[fmt.Sprintf("%s%02d", tombstonePrefix, i)] = text
			}
			return packed
		}
	}
}
