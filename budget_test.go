package myvault_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
)

// recordedOf counts the entries with an outcome of a trail, and the failures that these count.
func recordedOf(trail *brokenTrail, outcome myvault.Outcome) (entries int, counted uint64) {
	for _, e := range trail.recorded() {
		if e.Outcome == outcome {
			entries++
			counted += e.Count
		}
	}
	return entries, counted
}

// TestStrangersHaveABudgetInTheTrail: an hour of failed log-ins from 64 networks, for a known
// service and for unknown ones, is some thousand entries and not 65 a second, and each failure is
// counted.
func TestStrangersHaveABudgetInTheTrail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		trail := &brokenTrail{}
		v := vaultOf(t, struct{ myvault.Provider }{memory.New(memory.Config{})}, myvault.Config{Trail: trail})
		const seconds, networks = 3600, 64
		for range seconds {
			for n := range networks {
				service := []string{"svc", "root", "nobody"}[n%3]
				_, err := v.Login(t.Context(), myvault.Credentials{Service: service, Token: "wrong", Remote: fmt.Sprintf("2001:db8:0:%x::/64", n)})
				is.True(errors.Is(err, myvault.ErrUnauthenticated))
			}
			time.Sleep(time.Second)
		}
		time.Sleep(11 * time.Second) // failures beyond the budget are written within ten
		synctest.Wait()
		entries, counted := recordedOf(trail, myvault.OutcomeUnauthenticated)
		t.Log(entries, "entries")
		is.Equal(counted, uint64(seconds*networks))
		is.True(entries < 3000)
		newest := trail.recorded()[len(trail.recorded())-2:]                                          // one is of the last second, in either order
		is.True(newest[0].Service+newest[0].Remote == "" || newest[1].Service+newest[1].Remote == "") // one entry for all of them
		time.Sleep(3 * time.Hour)
		_, err := v.Login(t.Context(), myvault.Credentials{Service: "svc", Token: "wrong", Remote: "192.0.2.1"})
		is.True(errors.Is(err, myvault.ErrUnauthenticated))
		time.Sleep(2 * time.Second)
		synctest.Wait()
		last := trail.recorded()[len(trail.recorded())-1]
		is.Equal(last.Service+" "+last.Remote, "svc 192.0.2.1") // the budget is there again
	})
}

// TestDenialsOfAServiceHaveABudget that is separate from that of another service.
func TestDenialsOfAServiceHaveABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		trail := &brokenTrail{}
		v := vaultOf(t, struct{ myvault.Provider }{memory.New(memory.Config{})}, myvault.Config{Trail: trail})
		deny := func(service, path string) {
			_, err := v.As(service).Get(t.Context(), myvault.Address{Project: "billing", Path: path})
			is.True(errors.Is(err, myvault.ErrDenied))
		}
		const seconds, calls = 3600, 64
		for s := range seconds {
			for n := range calls {
				deny("noisy", fmt.Sprint("probe/", s, "/", n))
			}
			time.Sleep(time.Second)
		}
		deny("svc", "other")
		time.Sleep(11 * time.Second)
		synctest.Wait()
		entries, counted := recordedOf(trail, myvault.OutcomeDenied)
		t.Log(entries, "entries")
		is.Equal(counted, uint64(seconds*calls+1))
		is.True(entries < 4000)
		found := false
		for _, e := range trail.recorded() {
			found = found || e.Service == "svc" && e.Address.Path == "other"
		}
		is.True(found)
	})
}

// TestCloseWritesWhatIsBeyondTheBudget at once.
func TestCloseWritesWhatIsBeyondTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		trail := &brokenTrail{}
		v := vaultOf(t, struct{ myvault.Provider }{memory.New(memory.Config{})}, myvault.Config{Trail: trail})
		const flood = 200
		for range flood {
			for n := range 60 {
				_, err := v.Login(t.Context(), myvault.Credentials{Service: "svc", Token: "wrong", Remote: fmt.Sprint("192.0.2.", n)})
				is.True(errors.Is(err, myvault.ErrUnauthenticated))
			}
			time.Sleep(time.Second)
		}
		is.NoErr(v.Close())
		_, counted := recordedOf(trail, myvault.OutcomeUnauthenticated)
		is.Equal(counted, uint64(flood*60))
	})
}
