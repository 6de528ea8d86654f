package tokens_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"math/big"
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

func ended(err error) bool { return errors.Is(err, myvault.ErrUnauthenticated) }

func TestRevocation(t *testing.T) {
	is := is.New(t)
	v, issuer := inMemory(t)
	token, kept := mint(t, issuer, newsbot(t, v), tokens.Grant{}), mint(t, issuer, newsbot(t, v), tokens.Grant{})
	child, err := tokens.Narrow(token.Bearer, tokens.Actions(myvault.Read))
	is.NoErr(err)
	s, ofChild := mustLogin(t, issuer, token.Bearer), mustLogin(t, issuer, child)
	is.NoErr(get(t, s, db))
	is.NoErr(issuer.Revoke(t.Context(), newsbot(t, v), token.ID))
	is.True(ended(get(t, s, db)))
	is.True(ended(get(t, ofChild, db)))
	for _, bearer := range []myvault.Value{token.Bearer, child} {
		_, err = login(t, issuer, bearer)
		is.True(ended(err))
	}
	is.NoErr(get(t, mustLogin(t, issuer, kept.Bearer), db))
	var ids []string
	for t, err := range issuer.List(t.Context(), newsbot(t, v)) {
		is.NoErr(err)
		is.Equal(t.Bearer.Len(), 0) // it cannot be had again
		ids = append(ids, t.ID)
	}
	is.Equal(ids, []string{kept.ID})
}

// TestRevocationReachesEveryProcess over two vaults on one store, and one that opens it afterwards.
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
	is.True(ended(get(t, inB, db))) // the very next call
	_, err := login(t, second, token.Bearer)
	is.True(ended(err))
	is.NoErr(a.Close())
	is.NoErr(b.Close())
	_, third := open()
	_, err = login(t, third, token.Bearer)
	is.True(ended(err))
	is.NoErr(get(t, mustLogin(t, third, kept.Bearer), db))
}

func TestAChangeOfTheSharedTokenEndsWhatItMinted(t *testing.T) {
	is := is.New(t)
	v, issuer := inMemory(t)
	token, vouched := mint(t, issuer, newsbot(t, v), tokens.Grant{}), mint(t, issuer, v.As("newsbot"), tokens.Grant{})
	s := mustLogin(t, issuer, token.Bearer)
	v.SetPolicy(policy(t, "another-shared-token-01", "newsbot/"))
	is.True(ended(get(t, s, db)))
	_, err := login(t, issuer, token.Bearer)
	is.True(ended(err))
	for t, err := range issuer.List(t.Context(), v.As("newsbot")) {
		is.NoErr(err)
		is.Equal(t.ID, vouched.ID)
	}
	is.NoErr(get(t, mustLogin(t, issuer, vouched.Bearer), db)) // it rests on the embedding program
	gone, err := myvault.NewPolicy(myvault.Service{Name: "root"})
	is.NoErr(err)
	v.SetPolicy(gone)
	is.True(errors.Is(get(t, mustLogin(t, issuer, vouched.Bearer), db), myvault.ErrDenied))
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
		is.True(ended(get(t, child, db)))
		is.True(ended(get(t, grandchild, db))) // no child outlives its parent
		for _, bearer := range []myvault.Value{sooner, later} {
			_, err = login(t, issuer, bearer)
			is.True(ended(err))
		}
		is.NoErr(get(t, s, db))
		time.Sleep(40 * time.Second)
		is.True(ended(get(t, s, db)))
		_, err = login(t, issuer, token.Bearer)
		is.True(ended(err))
		for range issuer.List(t.Context(), newsbot(t, v)) {
			t.Error("an expired token is listed")
		}
	})
}

// TestTokensAreBounded in number, by whoever mints at once; expired ones make room.
func TestTokensAreBounded(t *testing.T) {
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
			is.NoErr(get(t, mustLogin(t, issuer, token.Bearer), db)) // each is the only one in its place
		}
		is.Equal(len(ids), most)
		mint(t, issuer, v.As("root"), tokens.Grant{}) // each service has its own number
		time.Sleep(time.Hour)
		next := mint(t, issuer, newsbot(t, v), tokens.Grant{Lifetime: 10 * time.Hour})
		is.True(!ids[next.ID]) // no id twice, though the place is
		_, err := login(t, issuer, last.Bearer)
		is.True(ended(err))
		n, err := issuer.Sweep(t.Context())
		is.NoErr(err)
		is.Equal(n, most) // one of newsbot's made room, and root's has expired
		records, err := v.Records("tokens")
		is.NoErr(err)
		left := 0
		for _, err := range records.List(t.Context(), "", "") {
			is.NoErr(err)
			left++
		}
		is.Equal(left, 1)
		is.NoErr(get(t, mustLogin(t, issuer, next.Bearer), db))
	})
}

func TestATokenEndsWithItsStore(t *testing.T) {
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
	_, err = login(t, there, token.Bearer) // its record is there, of another incarnation
	is.True(ended(err))
	n, err := there.Sweep(t.Context())
	is.NoErr(err)
	is.Equal(n, 1)
	is.NoErr(get(t, mustLogin(t, issuer, token.Bearer), db))
}

// certificate makes one that signs itself; who vouches for it is the server's affair.
func certificate(t testing.TB) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestATokenOfACertificate(t *testing.T) {
	is := is.New(t)
	v, issuer := inMemory(t)
	mine, another := certificate(t), certificate(t)
	sum := sha256.Sum256(mine.Raw)
	bound := mint(t, issuer, newsbot(t, v), tokens.Grant{Certificate: &sum}).Bearer
	later, err := tokens.Narrow(mint(t, issuer, newsbot(t, v), tokens.Grant{}).Bearer, tokens.Certificate(sum))
	is.NoErr(err)
	both, err := tokens.Narrow(bound, tokens.Certificate(sha256.Sum256(another.Raw)))
	is.NoErr(err)
	with := func(bearer myvault.Value, c *x509.Certificate) error {
		_, err := issuer.Login(t.Context(), tokens.Credentials{Bearer: bearer.Reveal(), Certificate: c})
		return err
	}
	for _, bearer := range []myvault.Value{bound, later} {
		is.NoErr(with(bearer, mine))
		is.True(ended(with(bearer, another)))
		is.True(ended(with(bearer, nil)))
	}
	is.True(ended(with(both, mine)))
	is.True(ended(with(both, another)))
}

// unwell is a store that fails to read.
type unwell struct {
	*memory.Provider
	err error
}

func (p *unwell) Get(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
	if p.err != nil {
		return myvault.Secret{}, p.err
	}
	return p.Provider.Get(ctx, a, v)
}

// TestNobodyComesInWithoutARecord that can be read: the error is told, and is no verdict on the token.
func TestNobodyComesInWithoutARecord(t *testing.T) {
	is := is.New(t)
	store := &unwell{Provider: memory.New(memory.Config{})}
	v, issuer := setup(t, store, tokens.Config{})
	token := mint(t, issuer, newsbot(t, v), tokens.Grant{})
	s := mustLogin(t, issuer, token.Bearer)
	for _, store.err = range []error{myvault.ErrUnavailable, myvault.ErrTampered} {
		for _, bearer := range []myvault.Value{token.Bearer, myvault.Text("malformed")} {
			_, err := login(t, issuer, bearer)
			is.True(errors.Is(err, store.err)) // the same for all
		}
		is.True(errors.Is(get(t, s, db), store.err))
		_, err := issuer.Mint(t.Context(), v.As("newsbot"), tokens.Grant{Rules: rules(t, "*/")})
		is.True(errors.Is(err, store.err))
	}
	store.err = nil
	records, err := v.Records("tokens")
	is.NoErr(err)
	for info, err := range records.List(t.Context(), "", "") {
		is.NoErr(err)
		whole, err := records.Get(t.Context(), info.Path)
		is.NoErr(err)
		for _, bad := range []string{"{}", "null", `{"v":2}`, `{"v":1,"key":""}`, whole.Value.Reveal()[1:], whole.Value.Reveal() + "x"} {
			_, err = records.Put(t.Context(), v.As("root"), info.Path, myvault.Text(bad))
			is.NoErr(err)
			_, err = login(t, issuer, token.Bearer)
			is.True(errors.Is(err, myvault.ErrTampered))
			is.True(errors.Is(get(t, s, db), myvault.ErrTampered))
		}
	}
}
