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

// A revoked token stays invalid after another token has reused its slot.
func TestReusedSlotDoesNotReviveToken(t *testing.T) {
	is := is.New(t)
	v, issuer := setup(t, memory.New(memory.Config{}), tokens.Config{MaxPerService: 1})
	first := mint(t, issuer, newsbot(t, v), tokens.Grant{})
	s := mustLogin(t, issuer, first.Bearer)
	is.NoErr(issuer.Revoke(t.Context(), newsbot(t, v), first.ID))
	second := mint(t, issuer, newsbot(t, v), tokens.Grant{})
	is.True(first.ID != second.ID)
	is.True(unauthenticated(get(t, s, db)))
	_, err := login(t, issuer, first.Bearer)
	is.True(unauthenticated(err))
	is.True(errors.Is(issuer.Revoke(t.Context(), newsbot(t, v), first.ID), myvault.ErrNotFound))
	is.NoErr(get(t, mustLogin(t, issuer, second.Bearer), db))
}

// staleReads is a provider that does not find records while blind is set, as if another
// process had not written them yet.
type staleReads struct {
	*memory.Provider
	blind bool
}

func (p *staleReads) Get(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
	if p.blind && strings.HasPrefix(a.Project, ".") {
		return myvault.Secret{}, myvault.ErrNotFound
	}
	return p.Provider.Get(ctx, a, v)
}

// Two minters that find the same slot free cannot both use it: the store refuses the second.
func TestMintersCannotShareASlot(t *testing.T) {
	is := is.New(t)
	store := &staleReads{Provider: memory.New(memory.Config{})}
	v, issuer := setup(t, store, tokens.Config{MaxPerService: 1})
	token := mint(t, issuer, newsbot(t, v), tokens.Grant{})
	store.blind = true
	_, err := issuer.Mint(t.Context(), newsbot(t, v), tokens.Grant{Rules: rules(t, "newsbot/")})
	is.True(errors.Is(err, myvault.ErrTooLarge))
	store.blind = false
	is.NoErr(get(t, mustLogin(t, issuer, token.Bearer), db))
}
