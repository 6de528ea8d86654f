package sqlite_test

import (
	"context"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// asking is a context that ends once it was asked so many times whether it has ended. The engine
// asks between its steps, and within them now and then.
type asking struct {
	context.Context
	left int
}

func (a *asking) Err() error {
	if a.left--; a.left < 0 {
		return context.Canceled
	}
	return nil
}

// A reading whose context ends while its transaction begins leaves none open: readings behind it
// would see the state of that time. The engine asks after every thousandth of its steps, and a
// beginning has three: by their number each of them is asked in once.
func TestAReadingThatEndsAsItBeginsLeavesNothing(t *testing.T) {
	is := is.New(t)
	s := openWith(t, t.TempDir(), crypto.NewKey(), sqlite.Config{CacheBytes: -1})
	_, err := apply(s, put("p/a", "first"), put("p/a", "second"))
	is.NoErr(err)
	for range 1000 {
		for left := range 5 {
			_, err := s.Get(&asking{context.Background(), left}, addr("p/a"), 1)
			is.True(err != nil)
		}
		_, err := s.Get(t.Context(), addr("p/a"), 1)
		is.NoErr(err)
	}
}
