package myvault

import "slices"

// VersionRange is the versions from First to Last, both of them included.
type VersionRange struct{ First, Last Version }

// Destroys gives the versions that an OpDestroy names, in rising order and as few ranges as there can be; all up to current
// where it names none. A provider that is a [Trail] puts them into the entry.
func (c Change) Destroys(current Version) []VersionRange {
	if len(c.Versions) == 0 {
		return []VersionRange{{1, current}}
	}
	var ranges []VersionRange
	for _, v := range slices.Sorted(slices.Values(c.Versions)) {
		if n := len(ranges); n > 0 && v <= ranges[n-1].Last+1 {
			ranges[n-1].Last = v
			continue
		}
		ranges = append(ranges, VersionRange{v, v})
	}
	return ranges
}
