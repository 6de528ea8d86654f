package hashivault_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/due"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
	"github.com/myswiftagent/myvault/providers/memory"
)

// TestNoticesAreOnce: two processes over one Vault, which has no transactions, share the events
// and calls.
func TestNoticesAreOnce(t *testing.T) {
	is := is.New(t)
	fake := fakevault.New(t)
	config := fresh(fake.Address, fake.Token)
	rule, err := myvault.ParseRule("*/@read+write+list+audit")
	is.NoErr(err)
	policy, err := myvault.NewPolicy(myvault.Service{Name: "rotator", Allow: []myvault.Rule{rule}})
	is.NoErr(err)
	trail := memory.New(memory.Config{})
	var mu sync.Mutex
	calls := make(map[string]int)
	notify := func(_ context.Context, n due.Notice) error {
		mu.Lock()
		defer mu.Unlock()
		calls[n.ID]++
		return nil
	}
	open := func() (*myvault.Vault, *due.Watcher) {
		store, err := hashivault.Open(t.Context(), config)
		is.NoErr(err)
		vault, err := myvault.New(store, policy, myvault.Config{Trail: struct{ myvault.Trail }{trail}})
		is.NoErr(err)
		watcher, err := due.Start(vault, vault.As("rotator"), due.Config{Notify: notify, Scan: 20 * time.Millisecond})
		is.NoErr(err)
		return vault, watcher
	}
	told := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(calls)
	}
	const secrets = 10
	for range 3 { // the second and third time there is nothing to report
		first, one := open()
		second, two := open()
		for i := range secrets {
			addr := myvault.Address{Project: "newsbot", Path: fmt.Sprintf("prod/%d", i)}
			_, _ = first.As("rotator").PutVersion(t.Context(), addr, myvault.NewVersion{Value: myvault.Text("v"), RotateAfter: time.Now()}, myvault.IfAbsent())
		}
		for end := time.Now().Add(time.Minute); told() < secrets && time.Now().Before(end); {
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(200 * time.Millisecond)
		is.NoErr(one.Close())
		is.NoErr(two.Close())
		is.NoErr(first.Close())
		is.NoErr(second.Close())
	}
	is.Equal(len(calls), secrets)
	for _, n := range calls {
		is.Equal(n, 1)
	}
	outcomes := make(map[myvault.Outcome]int)
	for e, err := range trail.Entries(t.Context(), myvault.TrailFilter{Action: string(due.Rotation)}) {
		is.NoErr(err)
		outcomes[e.Outcome]++
	}
	is.Equal(outcomes[myvault.OutcomeOK], secrets)
	is.True(outcomes[myvault.OutcomeBegun] >= secrets) // one before each attempt, as for every change there
}
