package hashivault

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

// Vault keeps of a deleted or destroyed version neither data nor keys, so who made it and
// when is noted in the custom metadata of its key, before it is marked: that comes with every
// answer about the key, at no cost. Vault takes 64 entries of 512 bytes there; what does
// not fit is forgotten, the oldest first.
const (
	noteKey   = "myvault-" // and a number
	noteKeys  = 60
	noteBytes = 512
)

// notes are what is known of versions that cannot be read.
type notes map[myvault.Version]myvault.Info

// readNotes gives what the custom metadata holds; entries of others are passed over.
func readNotes(custom map[string]string) notes {
	all := notes{}
	for key, text := range custom {
		if !strings.HasPrefix(key, noteKey) {
			continue
		}
		for one := range strings.SplitSeq(text, ";") {
			if i, ok := parseNote(one); ok {
				all[i.Version] = i
			}
		}
	}
	return all
}

// note writes a version as "number,time,author,expires,rotate after".
func note(i myvault.Info) string {
	by := url.QueryEscape(i.By)
	if len(by) > 256 {
		by = "" // no service is named like that
	}
	return fmt.Sprintf("%d,%s,%s,%s,%s", i.Version, micros(i.At), by, micros(i.Expires), micros(i.RotateAfter))
}

func parseNote(text string) (myvault.Info, bool) {
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
		Version: myvault.Version(version), At: ofMicros(f[1]), By: by,
		Expires: ofMicros(f[3]), RotateAfter: ofMicros(f[4]),
	}, true
}

// micros writes a time as microseconds since 1970 to the base 36; empty is none.
func micros(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMicro(), 36)
}

func ofMicros(s string) time.Time {
	n, err := strconv.ParseInt(s, 36, 64)
	if err != nil {
		return time.Time{}
	}
	t := time.UnixMicro(n).UTC()
	if t.Year() < 1 || t.Year() > 9999 {
		return time.Time{} // nothing that a secret can have
	}
	return t
}

// with gives the entries of the custom metadata that change when the versions are noted;
// nil where all of them are noted already. A nil value removes an entry.
func (n notes) with(custom map[string]string, infos []myvault.Info) map[string]*string {
	added := false
	all := maps.Clone(n)
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
	for key := range custom {
		if _, keep := packed[key]; !keep && strings.HasPrefix(key, noteKey) {
			changes[key] = nil
		}
	}
	for key, text := range packed {
		if custom[key] != text {
			changes[key] = &text
		}
	}
	return changes
}

// pack gives the entries that hold the notes, or as many of the newest as fit.
func (n notes) pack() map[string]string {
	versions := slices.Sorted(maps.Keys(n))
	for first := 0; ; first += 1 + (len(versions)-first)/16 {
		var entries []string
		for _, v := range versions[first:] {
			text := note(n[v])
			last := len(entries) - 1
			if last >= 0 && len(entries[last])+1+len(text) <= noteBytes {
				entries[last] += ";" + text
			} else {
				entries = append(entries, text)
			}
		}
		if len(entries) <= noteKeys {
			packed := make(map[string]string, len(entries))
			for i, text := range entries {
				packed[fmt.Sprintf("%s%02d", noteKey, i)] = text
			}
			return packed
		}
	}
}
