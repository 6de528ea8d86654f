package myvault_test

import (
	"context"
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

// TestFailedLoginsAreRecordedAfterwards: writing the entry before the answer would make the
// answer's time reveal which services exist.
func TestFailedLoginsAreRecordedAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		trail := &brokenTrail{}
		v := vaultOf(t, struct{ myvault.Provider }{memory.New(memory.Config{})}, myvault.Config{Trail: trail})
		for _, service := range []string{"svc", "nobody", "svc"} {
			_, err := v.Login(t.Context(), myvault.Credentials{Service: service, Token: "wrong"})
			is.True(errors.Is(err, myvault.ErrUnauthenticated))
		}
		is.Equal(len(trail.recorded()), 0)
		time.Sleep(time.Second)
		synctest.Wait()
		var got []string
		for _, e := range trail.recorded() {
			got = append(got, fmt.Sprint(e.Service, " ", e.Outcome, " x", e.Count))
		}
		is.Equal(len(got), 2)
		is.True(got[0] == "svc unauthenticated x2" || got[1] == "svc unauthenticated x2")
	})
}

func TestDenialIsNotLostWhenTheTrailFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		trail := &brokenTrail{}
		v := vaultOf(t, struct{ myvault.Provider }{memory.New(memory.Config{})}, myvault.Config{Trail: trail})
		trail.fails.Store(true)
		_, err := v.As("svc").Get(t.Context(), myvault.Address{Project: "billing", Path: "x"})
		is.True(errors.Is(err, myvault.ErrDenied))
		time.Sleep(10 * time.Second)
		trail.fails.Store(false)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		is.Equal(len(trail.recorded()), 1)
		is.Equal(trail.recorded()[0].Count, uint64(1))
	})
}

func TestQuestionsAreRecorded(t *testing.T) {
	for _, name := range []string{"Who", "Explain", "Rights"} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			v := openVault(t, myvault.Config{})
			is.NoErr(calls[name](t.Context(), v.As("root")))
			is.Equal(outcomes(t, v)["ok"], uint64(2)) // it, and the asking for the trail
		})
	}
}

// TestListingWhatIsHiddenIsADenial to the trail, so that a flood of it is counted; to the
// caller it is empty.
func TestListingWhatIsHiddenIsADenial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		v := openVault(t, myvault.Config{})
		fill(t, v, "billing/x")
		const flood = 1000
		for i := range flood {
			prefix := myvault.Prefix{Project: "billing", Path: fmt.Sprint(i, "/")}
			page, err := v.As("svc").ListPage(t.Context(), myvault.ListOptions{Prefix: prefix}, 10)
			is.NoErr(err)
			is.Equal(len(page.Items), 0)
			is.NoErr(first(v.As("svc").Trail(t.Context(), myvault.TrailFilter{})))
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		is.True(len(entriesOf(t, v)) < 300)
		is.Equal(outcomes(t, v)["denied"], uint64(2*flood))
	})
}

// TestDenialOfACallerWhoLeftIsRecorded: to cancel the request is no way around the trail.
func TestDenialOfACallerWhoLeftIsRecorded(t *testing.T) {
	is := is.New(t)
	v := openVault(t, myvault.Config{})
	gone, leave := context.WithCancel(t.Context())
	leave()
	_, err := v.As("svc").Get(gone, myvault.Address{Project: "billing", Path: "x"})
	is.True(errors.Is(err, myvault.ErrDenied))
	is.Equal(outcomes(t, v)["denied"], uint64(1))
}

// TestCloseWaitsForWhatIsBeingWritten and writes what could not be.
func TestCloseWaitsForWhatIsBeingWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		trail := &brokenTrail{}
		v := vaultOf(t, struct{ myvault.Provider }{memory.New(memory.Config{})}, myvault.Config{Trail: trail, Reads: myvault.ReadsRelaxed})
		s := v.As("root")
		_, err := s.Put(t.Context(), db, myvault.Text("v"))
		is.NoErr(err)
		written := len(trail.recorded())
		_, err = s.Get(t.Context(), db)
		is.NoErr(err)
		slow := func() { time.Sleep(time.Second); trail.fails.Store(false) }
		trail.failing.Store(&slow)
		trail.fails.Store(true)
		time.Sleep(100 * time.Millisecond) // the flush is inside Record, which will fail
		is.NoErr(v.Close())
		is.Equal(len(trail.recorded()), written+1)
	})
}

// TestMergedTimes: an entry that comes back after a failure is older than those that wait.
func TestMergedTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		trail := &brokenTrail{}
		v := vaultOf(t, struct{ myvault.Provider }{memory.New(memory.Config{})}, myvault.Config{Trail: trail, Reads: myvault.ReadsRelaxed})
		s := v.As("root")
		_, err := s.Put(t.Context(), db, myvault.Text("v"))
		is.NoErr(err)
		began := time.Now().UTC()
		_, err = s.Get(t.Context(), db)
		is.NoErr(err)
		again := func() {
			time.Sleep(20 * time.Millisecond)
			_, err := s.Get(context.Background(), db)
			is.NoErr(err)
		}
		trail.failing.Store(&again)
		trail.fails.Store(true)
		time.Sleep(60 * time.Millisecond)
		trail.fails.Store(false)
		time.Sleep(time.Second)
		synctest.Wait()
		e := trail.recorded()[len(trail.recorded())-1]
		is.Equal(e.Count, uint64(2))
		is.Equal(e.First, began)
		is.Equal(e.Last, began.Add(70*time.Millisecond))
		is.Equal(e.At, e.Last)
	})
}
