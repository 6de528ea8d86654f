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

// A session of another vault is refused, also if its service has the same name.
func TestSessionsOfAnotherVaultAreRefused(t *testing.T) {
	is := is.New(t)
	v, issuer := inMemory(t)
	w, others := inMemory(t)
	token := mint(t, issuer, newsbot(t, v), tokens.Grant{})
	foreign := w.As("newsbot")
	_, err := issuer.Mint(t.Context(), foreign, tokens.Grant{Rules: rules(t, "newsbot/")})
	is.True(errors.Is(err, myvault.ErrInvalid))
	for _, id := range []string{token.ID, "newsbot.1.1"} {
		is.True(errors.Is(issuer.Revoke(t.Context(), foreign, id), myvault.ErrInvalid))
	}
	n := 0
	for listed, err := range issuer.List(t.Context(), foreign) {
		is.True(errors.Is(err, myvault.ErrInvalid))
		is.Equal(listed.ID, "")
		n++
	}
	is.Equal(n, 1)
	is.True(issuer.BelongsTo(v) && others.BelongsTo(w) && !issuer.BelongsTo(w))
}

// failingReads is a provider that becomes unavailable after a number of reads of records.
type failingReads struct {
	*memory.Provider
	left atomic.Int64 // reads that still succeed
}

func (p *failingReads) Get(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
	if a.Project == ".tokens" && p.left.Add(-1) < 0 {
		return myvault.Secret{}, myvault.ErrUnavailable
	}
	return p.Provider.Get(ctx, a, v)
}

// If the store fails, List yields its error. An empty list would suggest that there are no
// tokens to revoke.
func TestListYieldsErrorsOfTheStore(t *testing.T) {
	store := &failingReads{Provider: memory.New(memory.Config{})}
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

// A revoked token leaves no record and no name in a SQLite store, but two entries in the log of
// changes.
func TestGrowthPerToken(t *testing.T) {
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
		is.NoErr(v.Close()) // removes the write-ahead log
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
