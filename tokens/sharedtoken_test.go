package tokens_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/tokens"
)

// next is the shared token that replaces shared.
const next = "another-shared-token-01"

func loginWith(t testing.TB, v *myvault.Vault, token string) *myvault.Session {
	t.Helper()
	s, err := v.Login(t.Context(), myvault.Credentials{Service: "newsbot", Token: token})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Tokens minted with a shared token that left the policy do not count as live.
func TestTokensOfARemovedSharedTokenFreeTheirSlots(t *testing.T) {
	is := is.New(t)
	v, issuer := setup(t, memory.New(memory.Config{}), tokens.Config{MaxPerService: 3})
	grant := tokens.Grant{Rules: rules(t, "newsbot/"), Lifetime: 30 * 24 * time.Hour}
	old := make([]tokens.Token, 3)
	for n := range old {
		old[n] = mint(t, issuer, newsbot(t, v), grant)
	}
	_, err := issuer.Mint(t.Context(), newsbot(t, v), grant)
	is.True(errors.Is(err, myvault.ErrTooLarge))
	v.SetPolicy(policy(t, next, "newsbot/"))
	live := mint(t, issuer, loginWith(t, v, next), grant)
	n, err := issuer.Sweep(t.Context())
	is.NoErr(err)
	is.Equal(n, 2) // Mint reused the slot of the third
	is.NoErr(get(t, mustLogin(t, issuer, live.Bearer), db))
	v.SetPolicy(usual(t)) // the old shared token returns, the tokens minted with it do not
	for _, token := range old {
		_, err := login(t, issuer, token.Bearer)
		is.True(unauthenticated(err))
	}
}

// Changing the shared token ends only tokens minted with it. The comment of Revoke says how to
// end the others.
func TestSharedTokenChangeKeepsOtherTokens(t *testing.T) {
	is := is.New(t)
	v, issuer := inMemory(t)
	with := func(token string) *myvault.Policy {
		p, err := myvault.NewPolicy(myvault.Service{
			Name: "newsbot", Tokens: []string{token}, Certificates: []string{"dns:newsbot.internal"}, Allow: rules(t, "newsbot/"),
		})
		is.NoErr(err)
		return p
	}
	v.SetPolicy(with(shared))
	certified, err := extensionOf(t, v).Resume("newsbot", fmt.Sprintf("certificate:%d:dns:newsbot.internal", time.Now().Add(time.Hour).Unix()), nil)
	is.NoErr(err)
	onToken := mint(t, issuer, newsbot(t, v), tokens.Grant{}).Bearer
	others := []myvault.Value{
		mint(t, issuer, certified, tokens.Grant{}).Bearer, mint(t, issuer, v.As("newsbot"), tokens.Grant{}).Bearer,
	}
	enters := func(bearer myvault.Value) bool {
		_, err := login(t, issuer, bearer)
		is.True(err == nil || unauthenticated(err))
		return err == nil
	}
	v.SetPolicy(with(next))
	is.True(!enters(onToken))
	is.True(enters(others[0]) && enters(others[1]))
	v.SetPolicy(with(shared))
	is.True(enters(onToken)) // its record was still there
	v.SetPolicy(with(next))
	n, err := issuer.Sweep(t.Context())
	is.NoErr(err)
	is.Equal(n, 1)
	v.SetPolicy(with(shared))
	is.True(!enters(onToken))
	for token, err := range issuer.List(t.Context(), v.As("newsbot")) {
		is.NoErr(err)
		is.NoErr(issuer.Revoke(t.Context(), v.As("newsbot"), token.ID))
	}
	is.True(!enters(others[0]) && !enters(others[1]))
}
