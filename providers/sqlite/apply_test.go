package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestValuesAreInNoFile checks that no file contains a plaintext value: neither the database, its
// log and shared memory, nor the trail.
func TestValuesAreInNoFile(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.Open(t, dir, key)
	canary := "canary-5f1d8a-" + strings.Repeat("never in clear ", 300)
	for n := range 20 {
		_, err := storetest.Apply(s, storetest.Put(fmt.Sprintf("p/a%d", n), canary[:20+n*200]))
		is.NoErr(err)
		_, err = s.Get(t.Context(), storetest.Addr(fmt.Sprintf("p/a%d", n)), 0)
		is.NoErr(err)
	}
	_, err := storetest.Apply(s, storetest.Put("p/a1", canary, myvault.IfAbsent()))
	is.True(errors.Is(err, myvault.ErrExists))
	is.True(!strings.Contains(err.Error(), "canary"))
	secretKey := strings.TrimPrefix(key.Text(), "base64:")
	for name, content := range storetest.Files(t, dir) {
		is.True(!bytes.Contains(content, []byte("canary-5f1d8a"))) // a value in a file
		is.True(!bytes.Contains(content, []byte("never in clear")))
		is.True(!bytes.Contains(content, []byte(secretKey)))
		is.True(name != "vault.db-wal" || len(content) > 0) // the log is in use
	}
}

// TestEpochs checks that a data key is replaced after a number of seals, and that records sealed
// with old keys still open.
func TestEpochs(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	c := storetest.OptionsOf(sqlite.Config{}).WithEpochLimit(10)
	s := storetest.OpenWith(t, dir, key, c)
	other := storetest.OpenWith(t, dir, key, c) // like another process, which reads epochs from the file
	for n := range 35 {
		_, err := storetest.Apply(s, storetest.Put(fmt.Sprintf("p/a%d", n), fmt.Sprint(n)))
		is.NoErr(err)
		s, other = other, s
	}
	r := storetest.OpenRaw(t, dir, "vault.db")
	is.Equal(len(r.Blobs(`SELECT epoch FROM epoch`)), 4)
	is.Equal(len(r.Blobs(`SELECT DISTINCT substr(sealed, 2, 4) FROM log`)), 4)
	for _, s := range []*sqlite.Store{s, other} {
		for n := range 35 {
			secret, err := s.Get(t.Context(), storetest.Addr(fmt.Sprintf("p/a%d", n)), 0)
			is.NoErr(err)
			is.Equal(secret.Value.Reveal(), fmt.Sprint(n))
		}
		_, err := s.Verify(t.Context())
		is.NoErr(err)
	}
}

// TestLongHistory checks the states of versions in a history of several pages.
func TestLongHistory(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	const versions = 700
	for n := 1; n <= versions; n += 100 {
		var changes []myvault.Change
		for v := n; v < n+100; v++ {
			changes = append(changes, storetest.Put("p/a", fmt.Sprint(v)))
			switch v % 5 {
			case 0:
				changes = append(changes, storetest.On(myvault.OpDelete, "p/a"))
			case 1:
				changes = append(changes, storetest.On(myvault.OpDelete, "p/a"), storetest.On(myvault.OpUndelete, "p/a"))
			case 2:
				changes = append(changes, storetest.On(myvault.OpDestroy, "p/a", myvault.Version(v)))
			case 3:
				changes = append(changes, storetest.On(myvault.OpDestroy, "p/a", myvault.Version(v-1)))
			}
		}
		_, err := storetest.Apply(s, changes...)
		is.NoErr(err)
	}
	_, err := storetest.Apply(s, storetest.Put("p/a", "last"))
	is.NoErr(err)
	want := map[int]myvault.State{0: myvault.Deleted, 1: myvault.Live, 2: myvault.Destroyed, 3: myvault.Live, 4: myvault.Live}
	n := myvault.Version(versions + 1)
	for info, err := range s.Versions(t.Context(), storetest.Addr("p/a"), 0) {
		is.NoErr(err)
		is.Equal(info.Version, n)
		if n <= versions {
			is.Equal(info.State, want[int(n%5)])
		}
		n--
	}
	is.Equal(n, myvault.Version(0))
	secret, err := s.Get(t.Context(), storetest.Addr("p/a"), 3)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "3")
	_, err = s.Get(t.Context(), storetest.Addr("p/a"), 2)
	is.True(errors.Is(err, myvault.ErrDestroyed))
	_, err = s.Get(t.Context(), storetest.Addr("p/a"), 5)
	is.True(errors.Is(err, myvault.ErrNotFound))
	_, err = s.Get(t.Context(), storetest.Addr("p/a"), 1<<63+1)
	is.True(errors.Is(err, myvault.ErrNotFound))
	report, err := s.Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Destroyed, uint64(versions/5))
}

func TestDestroySpans(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	for n := range 9 {
		_, err := storetest.Apply(s, storetest.Put("p/a", fmt.Sprint(n)))
		is.NoErr(err)
	}
	infos, err := storetest.Apply(s, storetest.On(myvault.OpDestroy, "p/a", 7, 2, 3, 2, 8, 5))
	is.NoErr(err)
	is.Equal(infos[0].Version, myvault.Version(8))
	is.Equal(infos[0].State, myvault.Destroyed)
	var destroyed []myvault.Version
	for info, err := range s.Versions(t.Context(), storetest.Addr("p/a"), 0) {
		is.NoErr(err)
		if info.State == myvault.Destroyed {
			destroyed = append(destroyed, info.Version)
		}
	}
	is.Equal(destroyed, []myvault.Version{8, 7, 5, 3, 2})
	for _, bad := range []myvault.Version{0, 10} {
		_, err = storetest.Apply(s, storetest.On(myvault.OpDestroy, "p/a", 4, bad))
		is.True(errors.Is(err, myvault.ErrNotFound))
	}
	secret, err := s.Get(t.Context(), storetest.Addr("p/a"), 4)
	is.NoErr(err) // nothing was destroyed
	is.Equal(secret.Value.Reveal(), "3")
	is.Equal(len(storetest.Entries(t, s, myvault.TrailFilter{Action: "destroy"})), 1) // one entry for one change
}

// TestCanceledContext checks that no call does anything with a canceled context.
func TestCanceledContext(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Apply(ended, myvault.Commit{Changes: []myvault.Change{storetest.Put("p/a", "x")}, By: "x", At: storetest.At})
	is.True(errors.Is(err, context.Canceled))
	_, err = s.Get(ended, storetest.Addr("p/a"), 0)
	is.True(errors.Is(err, context.Canceled))
	is.True(errors.Is(s.Record(ended, myvault.Entry{}), context.Canceled))
	_, err = s.Verify(ended)
	is.True(errors.Is(err, context.Canceled))
	report, err := s.Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Changes+report.Accesses, uint64(0))
}

func TestRefusedChanges(t *testing.T) {
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	long := strings.Repeat("x", myvault.MaxDescription+1)
	for name, c := range map[string]struct {
		commit myvault.Commit
		want   error
	}{
		"an entry too few":       {myvault.Commit{Changes: []myvault.Change{storetest.Put("p/a", "x"), storetest.Put("p/a", "x")}, Entries: make([]myvault.Entry, 1)}, myvault.ErrInvalid},
		"no such kind of change": {myvault.Commit{Changes: []myvault.Change{{Op: 99}}}, myvault.ErrInvalid},
		"a path without end":     {myvault.Commit{Changes: []myvault.Change{{Op: myvault.OpDelete, Address: myvault.Address{Project: "p", Path: strings.Repeat("x", 70_000)}}}}, myvault.ErrInvalid},
		"an empty value":         {myvault.Commit{Changes: []myvault.Change{{Op: myvault.OpPut, Address: storetest.Addr("p/a")}}}, myvault.ErrInvalid},
		"a reserved project":     {myvault.Commit{Changes: []myvault.Change{{Op: myvault.OpPutProject, Project: myvault.Project{Name: ".own"}}}}, myvault.ErrInvalid},
		"a long description":     {myvault.Commit{Changes: []myvault.Change{{Op: myvault.OpPutProject, Project: myvault.Project{Name: "p", Description: long}}}}, myvault.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			_, err := s.Apply(t.Context(), c.commit)
			is.True(errors.Is(err, c.want))
		})
	}
	is := is.New(t)
	report, err := s.Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Changes, uint64(0))
}
