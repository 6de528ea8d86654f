package process_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

func TestMain(m *testing.M) {
	storetest.Main(m, map[string]func(*sqlite.Store) error{"count": countUp, "load": load, "measure": measure})
}

const counts = 150

// countUp increments a number many times, each time on the condition that it has not changed since
// it was read.
func countUp(s *sqlite.Store) error {
	for done := 0; done < counts; {
		secret, err := s.Get(context.Background(), storetest.Addr("p/counter"), 0)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(secret.Value.Reveal())
		if err != nil {
			return err
		}
		_, err = storetest.Apply(s, storetest.Put("p/counter", strconv.Itoa(n+1), myvault.IfVersion(secret.Version)))
		if errors.Is(err, myvault.ErrConflict) {
			continue
		}
		if err != nil {
			return err
		}
		done++
	}
	return nil
}

// TestTwoProcesses checks that no update is lost when two processes write to one store.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	s := storetest.Open(t, dir, key)
	_, err := storetest.Apply(s, storetest.Put("p/counter", "0"))
	is.NoErr(err)
	first, _ := storetest.Process(t, "count", dir, key)
	second, _ := storetest.Process(t, "count", dir, key)
	is.NoErr(first.Wait())
	is.NoErr(second.Wait())
	secret, err := s.Get(t.Context(), storetest.Addr("p/counter"), 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), strconv.Itoa(2*counts))
	is.Equal(secret.Version, myvault.Version(2*counts+1))
	report, err := s.Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Changes, uint64(2*counts+1))
}

// TestAnotherOpenStoreSeesChanges checks that a second store sees acknowledged changes at once.
func TestAnotherOpenStoreSeesChanges(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	a, b := storetest.Open(t, dir, key), storetest.Open(t, dir, key)
	for n := range 50 {
		value := fmt.Sprint(n)
		_, err := storetest.Apply(a, storetest.Put("p/x", value))
		is.NoErr(err)
		secret, err := b.Get(t.Context(), storetest.Addr("p/x"), 0)
		is.NoErr(err)
		is.Equal(secret.Value.Reveal(), value)
		a, b = b, a
	}
	is.NoErr(a.Record(t.Context(), myvault.Entry{Action: "read", At: time.Now()}))
	is.NoErr(b.Record(t.Context(), myvault.Entry{Action: "read", At: time.Now()}))
	report, err := a.Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Accesses, uint64(2))
}
