package guard_test

import (
	"fmt"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/httpapi/guard"
)

func TestFailuresCountByAddressAndByService(t *testing.T) {
	is := is.New(t)
	g, err := guard.New(guard.Config{FailuresPerMinute: 2})
	is.NoErr(err)
	limited := 0
	for n := range 20 { // each for another service
		if g.LoginFailed(fmt.Sprint("guess-", n), "192.0.2.1") != nil {
			limited++
		}
	}
	is.True(around(limited, 10))                        // an address has 5 times the limit of a pair
	is.Equal(g.LoginFailed("reader", "192.0.2.2"), nil) // another address
	limited = 0
	for n := range 199 { // each from another address
		if g.LoginFailed("writer", fmt.Sprintf("198.51.100.%d", n)) != nil {
			limited++
		}
	}
	is.True(around(limited, 99)) // a service has 50 times the limit of a pair
}

// around allows for a few failures more or less: pairs share a slot by chance, and on a
// slow machine the limit recovers meanwhile.
func around(got, want int) bool { return got >= want-4 && got <= want+4 }
