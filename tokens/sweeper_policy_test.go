package tokens_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/tokens"
)

// The sweeper destroys expired tokens only. Tokens that its own policy does not accept may be
// valid in another process, or under a later policy.
func TestSweeperKeepsTokensOfOtherPolicies(t *testing.T) {
	only, err := myvault.NewPolicy(myvault.Service{Name: "root"})
	if err != nil {
		t.Fatal(err)
	}
	for name, older := range map[string]*myvault.Policy{
		"without the service":      only,
		"without the shared token": policy(t, next, "newsbot/"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				is := is.New(t)
				store := memory.New(memory.Config{})
				v, issuer := setup(t, store, tokens.Config{})
				replica, others := setup(t, store, tokens.Config{})
				replica.SetPolicy(older)
				grant := tokens.Grant{Rules: rules(t, "newsbot/"), Lifetime: 3 * time.Hour}
				live := mint(t, issuer, newsbot(t, v), grant)
				grant.Lifetime = time.Minute
				mint(t, issuer, newsbot(t, v), grant)
				sweeper, err := others.SweepEvery(time.Hour, func(err error) { t.Error(err) })
				is.NoErr(err)
				defer sweeper.Close()
				time.Sleep(150 * time.Minute)
				synctest.Wait()
				is.Equal(records(t, v), 1)
				_, err = login(t, others, live.Bearer)
				is.True(unauthenticated(err))
				is.NoErr(get(t, mustLogin(t, issuer, live.Bearer), db))
				replica.SetPolicy(usual(t))
				is.NoErr(get(t, mustLogin(t, others, live.Bearer), db))
				replica.SetPolicy(older)
				time.Sleep(time.Hour)
				synctest.Wait()
				is.Equal(records(t, v), 0) // it has expired
			})
		})
	}
}
