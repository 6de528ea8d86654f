package tokens_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/tokens"
)

// TestSessionsOfAnotherVault have nothing to do with the tokens of this one, though the service has the same name.
func TestSessionsOfAnotherVault(t *testing.T) {
	is := is.New(t)
	v, issuer := inMemory(t)
	w, others := inMemory(t)
	token := mint(t, issuer, newsbot(t, v), tokens.Grant{})
	stranger := w.As("newsbot")
	_, err := issuer.Mint(t.Context(), stranger, tokens.Grant{Rules: rules(t, "newsbot/")})
	is.True(errors.Is(err, myvault.ErrInvalid))
	for _, id := range []string{token.ID, "newsbot.1.1"} {
		is.True(errors.Is(issuer.Revoke(t.Context(), stranger, id), myvault.ErrInvalid))
	}
	n := 0
	for listed, err := range issuer.List(t.Context(), stranger) {
		is.True(errors.Is(err, myvault.ErrInvalid))
		is.Equal(listed.ID, "")
		n++
	}
	is.Equal(n, 1)
	is.True(issuer.Of(v) && others.Of(w) && !issuer.Of(w))
}

// failing is a store that does not answer from the read of a record on that fails says.
type failing struct {
	*memory.Provider
	left atomic.Int64 // reads that are still answered
}

func (p *failing) Get(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
	if a.Project == ".tokens" && p.left.Add(-1) < 0 {
		return myvault.Secret{}, myvault.ErrUnavailable
	}
	return p.Provider.Get(ctx, a, v)
}

// TestAListThatCannotBeTold is no empty one: who looks for tokens to revoke would find none.
func TestAListThatCannotBeTold(t *testing.T) {
	store := &failing{Provider: memory.New(memory.Config{})}
	store.left.Store(1 << 20)
	v, issuer := setup(t, store, tokens.Config{MaxPerService: 1})
	mint(t, issuer, newsbot(t, v), tokens.Grant{})
	for answered := range int64(2) { // each token is read twice
		is := is.New(t)
		store.left.Store(answered)
		n := 0
		for token, err := range issuer.List(t.Context(), newsbot(t, v)) {
			is.True(errors.Is(err, myvault.ErrUnavailable))
			is.Equal(token.ID, "")
			n++
		}
		is.Equal(n, 1)
	}
}

// TestWhatATokenLeavesBehind over SQLite, once it is revoked: its record is gone, and no name is
// added, but the log of changes keeps that it was made and destroyed.
func TestWhatATokenLeavesBehind(t *testing.T) {
	is := is.New(t)
	dir, keys := t.TempDir(), sqlite.StaticKey(crypto.NewKey())
	size := func(n int) int64 {
		store, err := sqlite.Open(t.Context(), dir, keys, sqlite.Config{})
		is.NoErr(err)
		v, issuer := setup(t, store, tokens.Config{MaxPerService: 1})
		for range n {
			token := mint(t, issuer, newsbot(t, v), tokens.Grant{})
			is.NoErr(issuer.Revoke(t.Context(), newsbot(t, v), token.ID))
		}
		is.NoErr(v.Close()) // and with it the write-ahead log
		info, err := os.Stat(filepath.Join(dir, "vault.db"))
		is.NoErr(err)
		return info.Size()
	}
	const more = 300
	before := size(50)
	each := float64(size(more)-before) / more
	t.Logf("%.0f bytes a token", each)
	is.True(each > 0 && each < 400)
}
