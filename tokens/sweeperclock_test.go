package tokens

import (
	"testing"
	"time"

	"github.com/matryer/is"
)

// A sweep is left out while the clock is ahead of the time that has passed.
func TestAClockThatWentAhead(t *testing.T) {
	for _, c := range []struct {
		wall, elapsed time.Duration
		ahead         bool
	}{
		{time.Hour, time.Hour, false},
		{time.Hour + 4*time.Minute, time.Hour, false}, // corrected
		{100*24*time.Hour + time.Hour, time.Hour, true},
		{time.Hour - 100*24*time.Hour, time.Hour, false}, // less has expired
		{-time.Hour, time.Minute, false},
	} {
		is := is.New(t)
		is.Equal(wentAhead(c.wall, c.elapsed), c.ahead)
	}
}
