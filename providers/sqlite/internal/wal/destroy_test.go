package wal_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestDestroyLeavesNoBytes checks that no file holds a destroyed value, sealed or not, while the
// store is open and its write-ahead log in use.
func TestDestroyLeavesNoBytes(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	dir := t.TempDir()
	s := storetest.Open(t, dir, crypto.NewKey())
	random := rand.New(rand.NewPCG(1, 2))
	const addresses = 150
	for n := range 4 * addresses {
		size := []int{1, 40, 300, 900, 1500, 3000, 9000}[random.IntN(7)]
		value := fmt.Sprintf("canary-%04d-%s", n, bytes.Repeat([]byte{'v'}, random.IntN(size)+1))
		_, err := storetest.Apply(s, storetest.Put(fmt.Sprintf("p/a%03d", random.IntN(addresses)), value))
		is.NoErr(err)
	}
	look := storetest.OpenRaw(t, dir, "vault.db")
	records := look.Blobs(`SELECT sealed FROM log ORDER BY seq`)
	is.Equal(len(records), 4*addresses)
	order := random.Perm(addresses)
	for i, n := range order {
		if _, err := storetest.Apply(s, storetest.On(myvault.OpDestroy, fmt.Sprintf("p/a%03d", n))); err != nil {
			is.True(errors.Is(err, myvault.ErrNotFound)) // it was never written
		}
		if i%10 == 0 || i == len(order)-1 {
			leftovers(t, dir, records, look.Blobs(`SELECT sealed FROM log WHERE sealed IS NOT NULL`))
		}
	}
}

// leftovers fails the test if a file contains a piece of a record that is not live.
func leftovers(t *testing.T, dir string, records, live [][]byte) {
	t.Helper()
	alive := map[string]bool{}
	for _, r := range live {
		alive[string(r)] = true
	}
	for name, content := range storetest.Files(t, dir) {
		if bytes.Contains(content, []byte("canary-")) {
			t.Errorf("%s contains a plaintext value", name)
		}
		for n, r := range records {
			if alive[string(r)] {
				continue
			}
			for _, at := range []int{5, len(r) / 2, len(r) - 12} {
				if bytes.Contains(content, r[at:min(len(r), at+12)]) {
					t.Fatalf("%s contains a piece of the destroyed record %d of %d bytes (from byte %d)", name, n+1, len(r), at)
				}
			}
		}
	}
}

// TestConcurrentDestroys checks that destroys of several stores wait for each other's checkpoints
// and none has an unknown outcome.
func TestConcurrentDestroys(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	var errs [4][]error
	var wait sync.WaitGroup
	for i := range errs {
		s := storetest.Open(t, dir, key)
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
		_, err := storetest.Apply(s, storetest.Put(where, "x"), storetest.On(myvault.OpDestroy, where))
		errs = append(errs, err)
	}
	return errs
}
