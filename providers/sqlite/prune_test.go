package sqlite_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestPruneVersionsCountsValues checks that only versions with a value count as kept.
func TestPruneVersionsCountsValues(t *testing.T) {
	before := storetest.At.Add(time.Hour)
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
		"by time, and too many that are too new":  {3, []myvault.Version{3}, false, sqlite.VersionLimit{Keep: 1, Before: storetest.At.Add(-time.Hour)}, []myvault.Version{1, 2}},
		"nothing is destroyed but what is beyond": {3, nil, false, sqlite.VersionLimit{Keep: 1}, []myvault.Version{3}},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			s := storetest.Open(t, t.TempDir(), crypto.NewKey())
			for v := range c.made {
				_, err := storetest.Apply(s, storetest.Put("p/a", fmt.Sprint("value ", v+1)))
				is.NoErr(err)
			}
			if c.destroyed != nil {
				_, err := storetest.Apply(s, storetest.On(myvault.OpDestroy, "p/a", c.destroyed...))
				is.NoErr(err)
			}
			if c.deleted {
				_, err := storetest.Apply(s, storetest.On(myvault.OpDelete, "p/a"))
				is.NoErr(err)
			}
			_, err := s.PruneVersions(t.Context(), c.limit, nil)
			is.NoErr(err)
			var left []myvault.Version
			for v, err := range s.Versions(t.Context(), storetest.Addr("p/a"), 0) {
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

func TestPruneVersions(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.Open(t, dir, key)
	var changes []myvault.Change
	for i := range 40 {
		for v := range 5 {
			changes = append(changes, storetest.Put(fmt.Sprintf("p/%02d", i), fmt.Sprintf("canary %d of %d", v+1, i)))
		}
	}
	changes = append(changes, storetest.Put("own/a", "one"), storetest.Put("own/a", "two"), storetest.Put("q/a", "one"), storetest.Put("q/a", "two"), storetest.On(myvault.OpDelete, "q/a"))
	for i := range changes {
		if changes[i].Address.Project == "own" {
			changes[i].Address = myvault.Address{Project: ".own", Path: "a"}
		}
	}
	_, err := storetest.Apply(s, changes...)
	is.NoErr(err)
	steps := 0
	n, err := s.PruneVersions(t.Context(), sqlite.VersionLimit{Keep: 2, Prefix: myvault.Prefix{Project: "p"}}, func(uint64) { steps++ })
	is.NoErr(err)
	is.Equal(n, uint64(40*3))
	is.Equal(steps, 2)
	for version, want := range map[myvault.Version]error{1: myvault.ErrDestroyed, 3: myvault.ErrDestroyed, 4: nil, 5: nil} {
		_, err := s.Get(t.Context(), storetest.Addr("p/07"), version)
		is.True(errors.Is(err, want))
	}
	for e, err := range s.Entries(t.Context(), myvault.TrailFilter{Action: "destroy"}) {
		is.NoErr(err)
		is.Equal(e.Via, "operator")
		is.Equal(e.Service, "")
		is.Equal(e.Version, myvault.Version(3))
	}
	n, err = s.PruneVersions(t.Context(), sqlite.VersionLimit{Keep: 2}, nil) // nothing left to do
	is.NoErr(err)
	is.Equal(n, uint64(0))
	n, err = s.PruneVersions(t.Context(), sqlite.VersionLimit{Before: storetest.At.Add(time.Hour)}, nil)
	is.NoErr(err)
	is.Equal(n, uint64(40+1)) // the current ones stay, deleted or not
	own, err := s.Get(t.Context(), myvault.Address{Project: ".own", Path: "a"}, 1)
	is.NoErr(err)
	is.Equal(own.Value.Reveal(), "one")
	n, err = s.PruneVersions(t.Context(), sqlite.VersionLimit{Before: storetest.At.Add(-time.Hour)}, nil)
	is.NoErr(err)
	is.Equal(n, uint64(0))
	_, err = s.PruneVersions(t.Context(), sqlite.VersionLimit{}, nil)
	is.True(errors.Is(err, myvault.ErrInvalid))
	report, err := s.Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Destroyed, uint64(40*4+1))
}
