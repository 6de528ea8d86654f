package process_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestNoStaleReads checks that each process sees the changes acknowledged to another, while a
// fourth writes all the time.
func TestNoStaleReads(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	rounds := 150
	if storetest.LongPass() {
		rounds = 5000
	}
	dir, key := t.TempDir(), crypto.NewKey()
	var talkers [3]*storetest.Talker
	for i := range talkers {
		talkers[i] = storetest.Talk(t, dir, key)
	}
	noise, _ := storetest.Process(t, "write", dir, key)
	random := rand.New(rand.NewPCG(7, 8))
	kept, now := map[string]string{}, map[string]string{} // the newest value, and the value that a read must return
	readBy := func(where string) {
		for _, k := range talkers {
			is.Equal(k.Ask(t, "get", where, "-"), orNothing(now[where]))
		}
	}
	for n := range rounds {
		where := fmt.Sprint("p/a", random.IntN(3))
		readBy(where) // each may cache it
		value := fmt.Sprint("v", n)
		what := []string{"put", "put", "delete", "undelete", "destroy"}[random.IntN(5)]
		if talkers[n%3].Ask(t, what, where, value) == "done" {
			switch what {
			case "put":
				kept[where], now[where] = value, value
			case "undelete":
				now[where] = kept[where]
			default:
				now[where] = ""
			}
		}
		readBy(where)
	}
	for _, k := range talkers {
		k.End(t)
	}
	is.NoErr(noise.Process.Kill())
	_ = noise.Wait()
	_, err := storetest.Open(t, dir, key).Verify(t.Context())
	is.NoErr(err)
	t.Logf("%d changes, each read by 3 processes before and after", rounds)
}

func orNothing(value string) string {
	if value == "" {
		return "nothing"
	}
	return value
}
