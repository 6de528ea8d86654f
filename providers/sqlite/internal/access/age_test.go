package access_test

import (
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/access"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

const day = 24 * time.Hour

// ninety is the default limit by age, without one by size.
var ninety = access.Limits{MaxAge: 90 * day, MaxBytes: -1}

// stamped records an entry for each time, in a separate commit.
func stamped(t testing.TB, s *sqlite.Store, times ...time.Time) {
	t.Helper()
	for _, at := range times {
		if err := s.Record(t.Context(), myvault.Entry{Service: "svc", Action: "read", Address: storetest.Addr("p/a"), At: at}); err != nil {
			t.Fatal(err)
		}
	}
}

// daily returns two times for each day between two days, both counted from at.
func daily(from, to int) (times []time.Time) {
	for d := from * 2; d < to*2; d++ {
		times = append(times, storetest.At.Add(time.Duration(d)*day/2))
	}
	return times
}

func onDay(d int) time.Time { return storetest.At.Add(time.Duration(d) * day) }

// ages returns how many entries are left, and the actions that the store itself has recorded.
func ages(t testing.TB, s *sqlite.Store) (left int, own []string) {
	t.Helper()
	for e, err := range s.Entries(t.Context(), myvault.TrailFilter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Via == "operator" {
			own = append(own, e.Action)
		} else {
			left++
		}
	}
	return left, own
}

func TestEntriesAgeByTheTrail(t *testing.T) {
	wrong := 100 * day
	for name, c := range map[string]struct {
		do   func(t *testing.T, s *sqlite.Store)
		left int
		own  []string
	}{
		"the days pass": {func(t *testing.T, s *sqlite.Store) {
			stamped(t, s, daily(0, 100)...)
			storetest.RoomsOf(s).Trail.Looker(ninety)(onDay(100), 0)
		}, 181, nil},
		"nothing is old": {func(t *testing.T, s *sqlite.Store) {
			stamped(t, s, daily(0, 89)...)
			storetest.RoomsOf(s).Trail.Looker(ninety)(onDay(89), 0)
		}, 178, nil},
		"the clock jumps for a minute and back": {func(t *testing.T, s *sqlite.Store) {
			stamped(t, s, daily(0, 59)...)
			look := storetest.RoomsOf(s).Trail.Looker(ninety)
			look(onDay(59), 0)
			look(onDay(59).Add(wrong+time.Minute), time.Minute)
			look(onDay(59).Add(2*time.Minute), 2*time.Minute)
		}, 118, []string{"clock-jump", "clock-jump"}},
		"the clock jumps while entries are made": {func(t *testing.T, s *sqlite.Store) {
			stamped(t, s, daily(0, 59)...)
			look := storetest.RoomsOf(s).Trail.Looker(ninety)
			look(onDay(59), 0)
			stamped(t, s, onDay(59).Add(wrong), onDay(59).Add(wrong+time.Second))
			look(onDay(59).Add(wrong+time.Minute), time.Minute)
			stamped(t, s, onDay(59).Add(time.Minute))
			look(onDay(59).Add(2*time.Minute), 2*time.Minute)
		}, 121, []string{"clock-jump", "clock-jump"}},
		"the clock is wrong at two starts": {func(t *testing.T, s *sqlite.Store) {
			stamped(t, s, daily(0, 89)...)
			for range 2 {
				stamped(t, s, onDay(89).Add(wrong))
				storetest.RoomsOf(s).Trail.Looker(ninety)(onDay(89).Add(wrong), 0)
			}
		}, 180, nil},
		"the clock stays wrong, and the days pass": {func(t *testing.T, s *sqlite.Store) {
			stamped(t, s, daily(0, 10)...)
			stamped(t, s, daily(300, 385)...)
			storetest.RoomsOf(s).Trail.Looker(ninety)(onDay(385), 0)
		}, 182, nil}, // four of the first ten days are older than 90 days
		"the store is not used for weeks": {func(t *testing.T, s *sqlite.Store) {
			stamped(t, s, daily(0, 30)...)
			stamped(t, s, daily(70, 170)...)
			storetest.RoomsOf(s).Trail.Looker(ninety)(onDay(170), 0)
		}, 181, nil}, // ages continued, and all earlier entries are gone
		"an entry of the year 2312": {func(t *testing.T, s *sqlite.Store) {
			stamped(t, s, daily(0, 20)...)
			stamped(t, s, time.Date(2312, 1, 1, 0, 0, 0, 0, time.UTC))
			stamped(t, s, daily(20, 120)...)
			storetest.RoomsOf(s).Trail.Looker(ninety)(onDay(120), 0)
		}, 181, nil},
		"the first entry is of the year 2312": {func(t *testing.T, s *sqlite.Store) {
			stamped(t, s, time.Date(2312, 1, 1, 0, 0, 0, 0, time.UTC))
			stamped(t, s, daily(0, 100)...)
			storetest.RoomsOf(s).Trail.Looker(ninety)(onDay(100), 0)
		}, 181, nil},
		"all entries are in the future": {func(t *testing.T, s *sqlite.Store) {
			stamped(t, s, daily(1000, 1059)...)
			storetest.RoomsOf(s).Trail.Looker(ninety)(onDay(59), 0)
		}, 118, []string{"clock-jump"}},
		"an entry of the year 1970": {func(t *testing.T, s *sqlite.Store) {
			stamped(t, s, daily(0, 50)...)
			stamped(t, s, time.Unix(0, 0))
			stamped(t, s, daily(50, 80)...)
			storetest.RoomsOf(s).Trail.Looker(ninety)(onDay(80), 0)
		}, 161, nil},
		"the clock goes back and forth": {func(t *testing.T, s *sqlite.Store) {
			for i := range 60 {
				stamped(t, s, onDay(0).Add(time.Duration(i)*time.Minute), onDay(2).Add(time.Duration(i)*time.Minute))
			}
			storetest.RoomsOf(s).Trail.Looker(ninety)(onDay(200), 0)
		}, 120, []string{"clock-jump"}},
		"the clock is set back by a year": {func(t *testing.T, s *sqlite.Store) {
			stamped(t, s, daily(0, 89)...)
			look := storetest.RoomsOf(s).Trail.Looker(ninety)
			look(onDay(89), 0)
			look(onDay(-276), time.Minute)
			look(onDay(-276).Add(time.Minute), 2*time.Minute)
		}, 178, []string{"clock-jump"}},
		"an open store is not used": {func(t *testing.T, s *sqlite.Store) {
			stamped(t, s, daily(0, 1)...)
			look := storetest.RoomsOf(s).Trail.Looker(ninety)
			for hours := range 100 * 24 {
				passed := time.Duration(hours) * time.Hour
				look(onDay(1).Add(passed), passed)
			}
		}, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			s := storetest.Open(t, t.TempDir(), crypto.NewKey())
			c.do(t, s)
			left, own := ages(t, s)
			is.Equal(left, c.left)
			if name == "an open store is not used" {
				is.Equal(len(own), 167) // one every 13 hours of ninety days
			} else {
				is.Equal(own, c.own)
			}
			_, err := s.Verify(t.Context())
			is.NoErr(err)
		})
	}
}

// TestClockJumpIsRecorded checks that the entry of a jump has the expected and the actual time.
func TestClockJumpIsRecorded(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	stamped(t, s, storetest.At)
	look := storetest.RoomsOf(s).Trail.Looker(ninety)
	look(storetest.At.Add(time.Minute), 0)
	look(storetest.At.Add(2*time.Minute+100*day), time.Minute)
	for e, err := range s.Entries(t.Context(), myvault.TrailFilter{Action: "clock-jump"}) {
		is.NoErr(err)
		is.True(e.First.Equal(storetest.At.Add(2 * time.Minute).Truncate(time.Microsecond)))
		is.True(e.Last.Equal(storetest.At.Add(2*time.Minute + 100*day).Truncate(time.Microsecond)))
	}
	_, own := ages(t, s)
	is.Equal(own, []string{"clock-jump"})
}

// TestAgingIsBounded checks that a single step of aging does a bounded amount of work.
func TestAgingIsBounded(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	entries := make([]myvault.Entry, 0, 40000)
	for i := range 40000 {
		entries = append(entries, myvault.Entry{Action: "read", At: storetest.At.Add(time.Duration(i%2) * 50 * day)})
	}
	for i := 0; i < len(entries); i += 200 {
		is.NoErr(s.Record(t.Context(), entries[i:i+200]...))
	}
	storetest.RoomsOf(s).Trail.Looker(ninety)(onDay(200), 0)
	left := 0
	for _, err := range s.Entries(t.Context(), myvault.TrailFilter{Action: "read"}) {
		is.NoErr(err)
		left++
	}
	is.Equal(left, 40000)
}

// TestPruneSkipsFutureTimes checks that entries with times in the future do not stop a prune.
func TestPruneSkipsFutureTimes(t *testing.T) {
	is := is.New(t)
	s := storetest.Open(t, t.TempDir(), crypto.NewKey())
	stamped(t, s, daily(0, 2)...)
	stamped(t, s, time.Date(2312, 1, 1, 0, 0, 0, 0, time.UTC))
	stamped(t, s, daily(2, 4)...)
	stamped(t, s, time.Date(2312, 1, 1, 0, 0, 0, 0, time.UTC))
	n, err := s.PruneAccess(t.Context(), sqlite.AccessLimit{Before: onDay(3)}, nil)
	is.NoErr(err)
	is.Equal(n, uint64(7))
	n, err = s.PruneAccess(t.Context(), sqlite.AccessLimit{Before: onDay(4)}, nil)
	is.NoErr(err)
	is.Equal(n, uint64(2)) // the last entry stays: its time is in the future
	_, err = s.Verify(t.Context())
	is.NoErr(err)
}
