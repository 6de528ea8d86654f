package tokens_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/tokens"
	"github.com/myswiftagent/myvault/transfer"
)

func unauthenticated(err error) bool { return errors.Is(err, myvault.ErrUnauthenticated) }

func TestRevocation(t *testing.T) {
	is := is.New(t)
	v, issuer := inMemory(t)
	token, kept := mint(t, issuer, newsbot(t, v), tokens.Grant{}), mint(t, issuer, newsbot(t, v), tokens.Grant{})
	child, err := tokens.Narrow(token.Bearer, tokens.Actions(myvault.Read))
	is.NoErr(err)
	s, ofChild := mustLogin(t, issuer, token.Bearer), mustLogin(t, issuer, child)
	is.NoErr(get(t, s, db))
	is.NoErr(issuer.Revoke(t.Context(), newsbot(t, v), token.ID))
	is.True(unauthenticated(get(t, s, db)))
	is.True(unauthenticated(get(t, ofChild, db)))
	for _, bearer := range []myvault.Value{token.Bearer, child} {
		_, err = login(t, issuer, bearer)
		is.True(unauthenticated(err))
	}
	is.NoErr(get(t, mustLogin(t, issuer, kept.Bearer), db))
	var ids []string
	for t, err := range issuer.List(t.Context(), newsbot(t, v)) {
		is.NoErr(err)
		is.Equal(t.Bearer.Len(), 0) // List has no bearer tokens
		ids = append(ids, t.ID)
	}
	is.Equal(ids, []string{kept.ID})
}

// Revocation applies in a second vault on the same store, and in one that opens it later.
func TestRevocationReachesEveryProcess(t *testing.T) {
	is := is.New(t)
	dir, keys := t.TempDir(), sqlite.StaticKey(crypto.NewKey())
	open := func() (*myvault.Vault, *tokens.Issuer) {
		store, err := sqlite.Open(t.Context(), dir, keys, sqlite.Config{})
		is.NoErr(err)
		return setup(t, store, tokens.Config{})
	}
	a, first := open()
	b, second := open()
	token, kept := mint(t, first, newsbot(t, a), tokens.Grant{}), mint(t, second, newsbot(t, b), tokens.Grant{})
	inA, inB := mustLogin(t, first, token.Bearer), mustLogin(t, second, token.Bearer)
	is.NoErr(get(t, inA, db))
	is.NoErr(get(t, inB, db))
	is.NoErr(first.Revoke(t.Context(), newsbot(t, a), token.ID))
	is.True(unauthenticated(get(t, inB, db))) // the very next call
	_, err := login(t, second, token.Bearer)
	is.True(unauthenticated(err))
	is.NoErr(a.Close())
	is.NoErr(b.Close())
	_, third := open()
	_, err = login(t, third, token.Bearer)
	is.True(unauthenticated(err))
	is.NoErr(get(t, mustLogin(t, third, kept.Bearer), db))
}

func TestSharedTokenChangeEndsItsTokens(t *testing.T) {
	is := is.New(t)
	v, issuer := inMemory(t)
	token, vouched := mint(t, issuer, newsbot(t, v), tokens.Grant{}), mint(t, issuer, v.As("newsbot"), tokens.Grant{})
	s := mustLogin(t, issuer, token.Bearer)
	v.SetPolicy(policy(t, "another-shared-token-01", "newsbot/"))
	is.True(unauthenticated(get(t, s, db)))
	_, err := login(t, issuer, token.Bearer)
	is.True(unauthenticated(err))
	for t, err := range issuer.List(t.Context(), v.As("newsbot")) {
		is.NoErr(err)
		is.Equal(t.ID, vouched.ID)
	}
	is.NoErr(get(t, mustLogin(t, issuer, vouched.Bearer), db)) // minted by the embedding program
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		v, issuer := inMemory(t)
		token := mint(t, issuer, newsbot(t, v), tokens.Grant{Lifetime: time.Minute})
		sooner, err := tokens.Narrow(token.Bearer, tokens.Before(time.Now().Add(20*time.Second)))
		is.NoErr(err)
		later, err := tokens.Narrow(sooner, tokens.Before(time.Now().Add(time.Hour)))
		is.NoErr(err)
		s, child, grandchild := mustLogin(t, issuer, token.Bearer), mustLogin(t, issuer, sooner), mustLogin(t, issuer, later)
		time.Sleep(20*time.Second - time.Microsecond)
		is.NoErr(get(t, child, db))
		time.Sleep(time.Microsecond)
		is.True(unauthenticated(get(t, child, db)))
		is.True(unauthenticated(get(t, grandchild, db))) // no child outlives its parent
		for _, bearer := range []myvault.Value{sooner, later} {
			_, err = login(t, issuer, bearer)
			is.True(unauthenticated(err))
		}
		is.NoErr(get(t, s, db))
		time.Sleep(40 * time.Second)
		is.True(unauthenticated(get(t, s, db)))
		_, err = login(t, issuer, token.Bearer)
		is.True(unauthenticated(err))
		for range issuer.List(t.Context(), newsbot(t, v)) {
			t.Error("an expired token is listed")
		}
	})
}

// The number of live tokens is limited, also for concurrent minters. Expired tokens do not
// count.
func TestMaxPerService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		const most = 12
		v, issuer := setup(t, memory.New(memory.Config{}), tokens.Config{MaxPerService: most})
		made := make(chan tokens.Token, 100)
		var wait sync.WaitGroup
		for range 40 {
			wait.Go(func() {
				token, err := issuer.Mint(t.Context(), v.As("newsbot"), tokens.Grant{Rules: []myvault.Rule{rules(t, "newsbot/")[0]}, Lifetime: time.Hour})
				if err == nil {
					made <- token
				} else if !errors.Is(err, myvault.ErrTooLarge) {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		close(made)
		ids := make(map[string]bool)
		var last tokens.Token
		for token := range made {
			ids[token.ID] = true
			last = token
			is.NoErr(get(t, mustLogin(t, issuer, token.Bearer), db)) // no two share a slot
		}
		is.Equal(len(ids), most)
		mint(t, issuer, v.As("root"), tokens.Grant{}) // each service has its own number
		time.Sleep(time.Hour)
		next := mint(t, issuer, newsbot(t, v), tokens.Grant{Lifetime: 10 * time.Hour})
		is.True(!ids[next.ID]) // the slot is reused, the ID is not
		_, err := login(t, issuer, last.Bearer)
		is.True(unauthenticated(err))
		n, err := issuer.Sweep(t.Context())
		is.NoErr(err)
		is.Equal(n, most) // Mint reused one of newsbot's; root's has expired
		records, err := v.Extend("tokens")
		is.NoErr(err)
		left := 0
		for _, err := range records.ListRecords(t.Context(), "", "") {
			is.NoErr(err)
			left++
		}
		is.Equal(left, 1)
		is.NoErr(get(t, mustLogin(t, issuer, next.Bearer), db))
	})
}

func TestTokenEndsWithItsStore(t *testing.T) {
	is := is.New(t)
	src, dst := memory.New(memory.Config{}), memory.New(memory.Config{})
	v, issuer := setup(t, src, tokens.Config{})
	token := mint(t, issuer, newsbot(t, v), tokens.Grant{})
	_, err := transfer.Copy(t.Context(), dst, src, transfer.Options{By: "operator"})
	is.NoErr(err)
	moved, err := myvault.New(dst, usual(t), myvault.Config{})
	is.NoErr(err)
	defer moved.Close()
	there, err := tokens.New(moved, tokens.Config{})
	is.NoErr(err)
	_, err = login(t, there, token.Bearer) // its record was copied, but has another incarnation
	is.True(unauthenticated(err))
	n, err := there.Sweep(t.Context())
	is.NoErr(err)
	is.Equal(n, 1)
	is.NoErr(get(t, mustLogin(t, issuer, token.Bearer), db))
}

// A token ends when its service leaves the policy, also one minted for a caller that the embedding
// program named.
func TestATokenEndsWithItsService(t *testing.T) {
	is := is.New(t)
	v, issuer := inMemory(t)
	without, err := myvault.NewPolicy(myvault.Service{Name: "root", Allow: rules(t, "*/")})
	is.NoErr(err)
	for _, by := range []*myvault.Session{newsbot(t, v), v.As("newsbot")} {
		token := mint(t, issuer, by, tokens.Grant{})
		s := mustLogin(t, issuer, token.Bearer)
		is.NoErr(get(t, s, db))
		v.SetPolicy(without)
		is.True(unauthenticated(get(t, s, db))) // ended, not denied
		_, err = login(t, issuer, token.Bearer)
		is.True(unauthenticated(err))
		v.SetPolicy(usual(t))
	}
	v.SetPolicy(without)
	n, err := issuer.Sweep(t.Context())
	is.NoErr(err)
	is.Equal(n, 2)
}
