package due_test

import (
	"context"
	"iter"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/due"
	"github.com/myswiftagent/myvault/providers/memory"
)

// counted returns the metrics by name.
func counted(t *testing.T, w *due.Watcher) map[string]float64 {
	t.Helper()
	all := make(map[string]float64)
	for _, m := range w.Metrics(t.Context()) {
		all[m.Name] = m.Value
	}
	return all
}

// The metrics count the secrets whose time has passed at the last scan, and those alone that the
// session may list. A new version without times is no longer counted.
func TestMetricsCountDueSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		v := vaultOn(t, memory.New(memory.Config{}), nil)
		defer v.Close()
		put(t, v, db, -time.Second, time.Second)
		put(t, v, myvault.Address{Project: "newsbot", Path: "prod/late"}, -time.Second, time.Hour)
		put(t, v, myvault.Address{Project: "newsbot", Path: "dev/hidden"}, -time.Second, 0)
		put(t, v, myvault.Address{Project: "newsbot", Path: "prod/never"}, 0, 0)
		time.Sleep(time.Second)
		var l notices
		w := start(t, v, "part", &l)
		defer w.Close()
		synctest.Wait()
		is.Equal(counted(t, w), map[string]float64{"secrets_rotation_due": 2, "secrets_expired": 1})
		put(t, v, db, 0, 0)
		time.Sleep(2 * time.Minute)
		is.Equal(counted(t, w), map[string]float64{"secrets_rotation_due": 1, "secrets_expired": 0})
		time.Sleep(time.Hour)
		is.Equal(counted(t, w), map[string]float64{"secrets_rotation_due": 1, "secrets_expired": 1})
	})
}

// Without a complete scan the numbers are unknown. A scan that fails keeps the last ones.
func TestMetricsOfFailedScans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		store := &failingList{Provider: memory.New(memory.Config{})}
		v := vaultOn(t, store, nil)
		defer v.Close()
		put(t, v, db, -time.Second, 0)
		store.fail.Store(true)
		var l notices
		w := start(t, v, "root", &l)
		defer w.Close()
		synctest.Wait()
		is.True(math.IsNaN(counted(t, w)["secrets_rotation_due"]))
		store.fail.Store(false)
		time.Sleep(2 * time.Minute)
		is.Equal(counted(t, w)["secrets_rotation_due"], 1.0)
		store.fail.Store(true)
		time.Sleep(2 * time.Minute)
		is.Equal(counted(t, w)["secrets_rotation_due"], 1.0)
	})
}

// failingList is a provider whose List fails while fail is set.
type failingList struct {
	*memory.Provider
	fail atomic.Bool
}

func (f *failingList) List(ctx context.Context, o myvault.ListOptions) iter.Seq2[myvault.Info, error] {
	if f.fail.Load() {
		return func(yield func(myvault.Info, error) bool) { yield(myvault.Info{}, myvault.ErrUnavailable) }
	}
	return f.Provider.List(ctx, o)
}
