package tokens

import (
	"testing"
	"time"

	"github.com/matryer/is"
)

// A sweep is skipped after the wall clock has jumped ahead.
func TestClockJumped(t *testing.T) {
	for _, c := range []struct {
		wall, elapsed time.Duration
		want          bool
	}{
		{time.Hour, time.Hour, false},
		{time.Hour + 4*time.Minute, time.Hour, false}, // a small correction
		{100*24*time.Hour + time.Hour, time.Hour, true},
		{time.Hour - 100*24*time.Hour, time.Hour, false}, // backward: fewer tokens have expired
		{-time.Hour, time.Minute, false},
	} {
		is := is.New(t)
		is.Equal(clockJumped(c.wall, c.elapsed), c.want)
	}
}
