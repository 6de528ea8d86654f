package tokens_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/tokens"
)

// TestATokenEndsThoughItsPlaceIsTakenAgain: the record that stands there then is another's.
func TestATokenEndsThoughItsPlaceIsTakenAgain(t *testing.T) {
	is := is.New(t)
	v, issuer := setup(t, memory.New(memory.Config{}), tokens.Config{MaxPerService: 1})
	first := mint(t, issuer, newsbot(t, v), tokens.Grant{})
	s := mustLogin(t, issuer, first.Bearer)
	is.NoErr(issuer.Revoke(t.Context(), newsbot(t, v), first.ID))
	second := mint(t, issuer, newsbot(t, v), tokens.Grant{})
	is.True(first.ID != second.ID)
	is.True(ended(get(t, s, db)))
	_, err := login(t, issuer, first.Bearer)
	is.True(ended(err))
	is.True(errors.Is(issuer.Revoke(t.Context(), newsbot(t, v), first.ID), myvault.ErrNotFound))
	is.NoErr(get(t, mustLogin(t, issuer, second.Bearer), db))
}

// late is a store whose records are seen only after somebody else has written them.
type late struct {
	*memory.Provider
	blind bool
}

func (p *late) Get(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
	if p.blind && strings.HasPrefix(a.Project, ".") {
		return myvault.Secret{}, myvault.ErrNotFound
	}
	return p.Provider.Get(ctx, a, v)
}

// TestTwoMintersNeverTakeOnePlace: who looked before the other wrote is refused by the store.
func TestTwoMintersNeverTakeOnePlace(t *testing.T) {
	is := is.New(t)
	store := &late{Provider: memory.New(memory.Config{})}
	v, issuer := setup(t, store, tokens.Config{MaxPerService: 1})
	token := mint(t, issuer, newsbot(t, v), tokens.Grant{})
	store.blind = true
	_, err := issuer.Mint(t.Context(), newsbot(t, v), tokens.Grant{Rules: rules(t, "newsbot/")})
	is.True(errors.Is(err, myvault.ErrTooLarge))
	store.blind = false
	is.NoErr(get(t, mustLogin(t, issuer, token.Bearer), db))
}
