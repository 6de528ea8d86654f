package due

import (
	"context"
	"math"

	"github.com/myswiftagent/myvault"
)

var _ myvault.Instrumented = (*Watcher)(nil)

// counts has the numbers of due secrets of one scan.
type counts struct{ rotation, expired int }

// countOf counts the notices that are due by their kind.
func countOf(ready []Notice) *counts {
	c := new(counts)
	for _, n := range ready {
		if n.Kind == Expired {
			c.expired++
		} else {
			c.rotation++
		}
	}
	return c
}

// Metrics implements [myvault.Instrumented]. It returns the numbers of secrets that were due at
// the last complete scan, among those that the watcher watches. It does not scan itself. The
// numbers are NaN before the first scan.
func (w *Watcher) Metrics(context.Context) []myvault.Metric {
	rotation, expired := math.NaN(), math.NaN()
	if c := w.counts.Load(); c != nil {
		rotation, expired = float64(c.rotation), float64(c.expired)
	}
	return []myvault.Metric{
		{Name: "secrets_rotation_due", Help: "Watched secrets that are due for rotation, at the last scan.", Value: rotation},
		{Name: "secrets_expired", Help: "Watched secrets that have expired, at the last scan.", Value: expired},
	}
}
