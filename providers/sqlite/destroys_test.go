package sqlite_test

import (
	"sync"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// TestConcurrentDestroys checks that destroys of several stores wait for each other's checkpoints
// and none has an unknown outcome.
func TestConcurrentDestroys(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	var errs [4][]error
	var wait sync.WaitGroup
	for i := range errs {
		s := open(t, dir, key)
		wait.Go(func() { errs[i] = destroys(s, "p/"+string(rune('a'+i))) })
	}
	wait.Wait()
	for _, all := range errs {
		for _, err := range all {
			is.NoErr(err)
		}
	}
}

func destroys(s *sqlite.Store, where string) (errs []error) {
	for range 50 {
		_, err := apply(s, put(where, "x"), on(myvault.OpDestroy, where))
		errs = append(errs, err)
	}
	return errs
}
