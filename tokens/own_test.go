package tokens_test

import (
	"errors"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/tokens"
)

// ownFixture returns an issuer, and a token of the service newsbot.
func ownFixture(t *testing.T) (*tokens.Issuer, tokens.Token) {
	t.Helper()
	is := is.New(t)
	policy, err := myvault.ParsePolicy(map[string]string{"ALLOWED_SERVICES": "newsbot", "ALLOW_newsbot": "newsbot/"})
	is.NoErr(err)
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	is.NoErr(err)
	t.Cleanup(func() { _ = vault.Close() })
	issuer, err := tokens.New(vault, tokens.Config{})
	is.NoErr(err)
	rule, err := myvault.ParseRule("newsbot/prod/")
	is.NoErr(err)
	token, err := issuer.Mint(t.Context(), vault.As("newsbot"), tokens.Grant{Rules: []myvault.Rule{rule}, Lifetime: time.Hour})
	is.NoErr(err)
	return issuer, token
}

func TestLoginTokenDescribesTheToken(t *testing.T) {
	is := is.New(t)
	issuer, minted := ownFixture(t)
	session, token, err := issuer.LoginToken(t.Context(), tokens.Credentials{Bearer: minted.Bearer.Reveal()})
	is.NoErr(err)
	is.Equal(session.Service(), "newsbot")
	is.Equal(token.ID, minted.ID)
	is.Equal(token.ExpiresAt, minted.ExpiresAt)
	is.True(!token.Narrowed)
	is.Equal(token.Bearer.Len(), 0)

	soon := time.Now().Add(time.Minute).UTC().Truncate(time.Second)
	narrower, err := tokens.Narrow(minted.Bearer, tokens.Before(soon))
	is.NoErr(err)
	_, token, err = issuer.LoginToken(t.Context(), tokens.Credentials{Bearer: narrower.Reveal()})
	is.NoErr(err)
	is.Equal(token.ExpiresAt, soon) // that of the caveat
	is.True(token.Narrowed)
}

func TestAHolderEndsItsOwnTokenUnlessItIsNarrowed(t *testing.T) {
	is := is.New(t)
	issuer, minted := ownFixture(t)
	narrower, err := tokens.Narrow(minted.Bearer, tokens.Actions(myvault.Read))
	is.NoErr(err)
	err = issuer.RevokeOwn(t.Context(), tokens.Credentials{Bearer: narrower.Reveal()})
	is.True(errors.Is(err, myvault.ErrDenied)) // it would end the wider token
	own := tokens.Credentials{Bearer: minted.Bearer.Reveal()}
	_, err = issuer.Login(t.Context(), own)
	is.NoErr(err)
	is.NoErr(issuer.RevokeOwn(t.Context(), own))
	for _, bearer := range []string{minted.Bearer.Reveal(), narrower.Reveal()} {
		_, err = issuer.Login(t.Context(), tokens.Credentials{Bearer: bearer})
		is.True(errors.Is(err, myvault.ErrUnauthenticated))
	}
	is.True(errors.Is(issuer.RevokeOwn(t.Context(), own), myvault.ErrUnauthenticated))
}
