package hashivault_test

import (
	"errors"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/vaultserver"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
	"github.com/myswiftagent/myvault/tokens"
)

// TestTokens: their records are stored in Vault, one KV secret each, and two processes agree on
// them.
func TestTokens(t *testing.T) {
	server := fakevault.New(t)
	tokensOver(t, fresh(server.Address, server.Token))
}

func TestTokensOnARealServer(t *testing.T) {
	server := vaultserver.Dev(t, vaultserver.Binary(t))
	tokensOver(t, fresh(server.Address, server.Token))
}

func tokensOver(t *testing.T, config hashivault.Config) {
	is := is.New(t)
	ctx := t.Context()
	rule, err := myvault.ParseRule("*/@read+write+list")
	is.NoErr(err)
	policy, err := myvault.NewPolicy(myvault.Service{Name: "newsbot", Allow: []myvault.Rule{rule}})
	is.NoErr(err)
	process := func() (*myvault.Vault, *tokens.Issuer) {
		v, err := myvault.New(opened(t, config), policy, myvault.Config{Trail: myvault.NoTrail{}})
		is.NoErr(err)
		issuer, err := tokens.New(v, tokens.Config{MaxPerService: 2})
		is.NoErr(err)
		return v, issuer
	}
	v, issuer := process()
	_, second := process()
	addr := myvault.Address{Project: "newsbot", Path: "prod/db"}
	_, err = v.As("newsbot").Put(ctx, addr, myvault.Text("hunter2"))
	is.NoErr(err)
	grant := tokens.Grant{Rules: []myvault.Rule{rule}}
	token, err := issuer.Mint(ctx, v.As("newsbot"), grant)
	is.NoErr(err)
	_, err = issuer.Mint(ctx, v.As("newsbot"), grant)
	is.NoErr(err)
	_, err = issuer.Mint(ctx, v.As("newsbot"), grant)
	is.True(errors.Is(err, myvault.ErrTooLarge))
	s, err := second.Login(ctx, tokens.Credentials{Bearer: token.Bearer.Reveal()})
	is.NoErr(err)
	_, err = s.Get(ctx, addr)
	is.NoErr(err)
	page, err := s.ListPage(ctx, myvault.ListOptions{}, 10)
	is.NoErr(err)
	is.Equal(len(page.Items), 1) // the records are not among the secrets
	is.NoErr(issuer.Revoke(ctx, v.As("newsbot"), token.ID))
	_, err = s.Get(ctx, addr)
	is.True(errors.Is(err, myvault.ErrUnauthenticated))
	_, third := process()
	_, err = third.Login(ctx, tokens.Credentials{Bearer: token.Bearer.Reveal()})
	is.True(errors.Is(err, myvault.ErrUnauthenticated))
	again, err := issuer.Mint(ctx, v.As("newsbot"), grant) // there is room again
	is.NoErr(err)
	is.True(again.ID != token.ID)
}
