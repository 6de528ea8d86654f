package sqlite_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// TestPruneVersionsCountsValues checks that only versions with a value count as kept.
func TestPruneVersionsCountsValues(t *testing.T) {
	before := at.Add(time.Hour)
	for name, c := range map[string]struct {
		made      int
		destroyed []myvault.Version
		deleted   bool // the current version
		limit     sqlite.VersionLimit
		left      []myvault.Version // with a value
	}{
		"the current one is destroyed":            {2, []myvault.Version{2}, false, sqlite.VersionLimit{Keep: 1}, []myvault.Version{1}},
		"the current one is destroyed, by time":   {3, []myvault.Version{3}, false, sqlite.VersionLimit{Before: before}, []myvault.Version{2}},
		"several newest are destroyed":            {6, []myvault.Version{4, 5, 6}, false, sqlite.VersionLimit{Keep: 2}, []myvault.Version{2, 3}},
		"one in the middle is destroyed":          {4, []myvault.Version{3}, false, sqlite.VersionLimit{Keep: 2}, []myvault.Version{2, 4}},
		"all but the oldest are destroyed":        {3, []myvault.Version{2, 3}, false, sqlite.VersionLimit{Keep: 1, Before: before}, []myvault.Version{1}},
		"the current one is deleted":              {3, nil, true, sqlite.VersionLimit{Keep: 2}, []myvault.Version{2, 3}},
		"more are kept than there are":            {2, []myvault.Version{2}, false, sqlite.VersionLimit{Keep: 5}, []myvault.Version{1}},
		"by time, and too many that are too new":  {3, []myvault.Version{3}, false, sqlite.VersionLimit{Keep: 1, Before: at.Add(-time.Hour)}, []myvault.Version{1, 2}},
		"nothing is destroyed but what is beyond": {3, nil, false, sqlite.VersionLimit{Keep: 1}, []myvault.Version{3}},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			s := open(t, t.TempDir(), crypto.NewKey())
			for v := range c.made {
				_, err := apply(s, put("p/a", fmt.Sprint("value ", v+1)))
				is.NoErr(err)
			}
			if c.destroyed != nil {
				_, err := apply(s, on(myvault.OpDestroy, "p/a", c.destroyed...))
				is.NoErr(err)
			}
			if c.deleted {
				_, err := apply(s, on(myvault.OpDelete, "p/a"))
				is.NoErr(err)
			}
			_, err := s.PruneVersions(t.Context(), c.limit, nil)
			is.NoErr(err)
			var left []myvault.Version
			for v, err := range s.Versions(t.Context(), addr("p/a"), 0) {
				is.NoErr(err)
				if v.State != myvault.Destroyed {
					left = append([]myvault.Version{v.Version}, left...)
				}
			}
			is.Equal(left, c.left)
			n, err := s.PruneVersions(t.Context(), c.limit, nil)
			is.NoErr(err)
			is.Equal(n, uint64(0)) // nothing left to do
		})
	}
}
