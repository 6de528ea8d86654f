package tokens_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"
	"gopkg.in/macaroon.v2"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/tokens"
)

// Every refused log-in reads one record and returns the same error.
func TestRefusedLoginsLookAlike(t *testing.T) {
	is := is.New(t)
	store := &counting{Provider: memory.New(memory.Config{})}
	v, issuer := setup(t, store, tokens.Config{})
	var first string
	for name, bearer := range wrong(t, v, issuer) {
		store.reads = 0
		_, err := issuer.Login(t.Context(), tokens.Credentials{Bearer: bearer})
		is.True(unauthenticated(err))
		is.Equal(store.reads, 1)
		if first == "" {
			first = err.Error()
		}
		if err.Error() != first {
			t.Errorf("%s can be distinguished: %v", name, err)
		}
	}
	is.Equal(first, "myvault: login: not authenticated")
}

type counting struct {
	*memory.Provider
	reads int
}

func (p *counting) Get(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
	p.reads++
	return p.Provider.Get(ctx, a, v)
}

// wrong returns invalid tokens, keyed by their defect.
func wrong(t testing.TB, v *myvault.Vault, issuer *tokens.Issuer) map[string]string {
	t.Helper()
	var many []myvault.Rule
	for n := range tokens.MaxRules {
		many = append(many, rules(t, fmt.Sprintf("newsbot/prod/part-%d/*/@read+list", n))...)
	}
	live, revoked := mint(t, issuer, newsbot(t, v), tokens.Grant{}), mint(t, issuer, newsbot(t, v), tokens.Grant{})
	long := mint(t, issuer, newsbot(t, v), tokens.Grant{Rules: many})
	if err := issuer.Revoke(t.Context(), newsbot(t, v), revoked.ID); err != nil {
		t.Fatal(err)
	}
	unsigned := func(token tokens.Token) string {
		m := parsed(t, token.Bearer)
		sig := m.Signature()
		sig[0] ^= 1
		return assembled(m.Id(), nil, sig)
	}
	return map[string]string{
		"unknown service":       assembled([]byte("myvault-token-v1:nobody.1.1"), nil, parsed(t, live.Bearer).Signature()),
		"empty slot":            assembled([]byte("myvault-token-v1:newsbot.9999.1"), nil, parsed(t, live.Bearer).Signature()),
		"wrong signature":       unsigned(live),
		"wrong one of 64 rules": unsigned(long),
		"revoked":               revoked.Bearer.Reveal(),
		"malformed":             live.Bearer.Reveal()[1:],
	}
}

// Refusing a token does not parse the rules of its record: 64 rules cost the same as a token
// that never existed.
func TestRefusedLoginParsesNoRules(t *testing.T) {
	is := is.New(t)
	v, issuer := inMemory(t)
	allocations := make(map[string]float64)
	for name, bearer := range wrong(t, v, issuer) {
		allocations[name] = testing.AllocsPerRun(200, func() {
			_, _ = issuer.Login(t.Context(), tokens.Credentials{Bearer: bearer})
		})
	}
	t.Log(allocations)
	all := slices.Collect(maps.Values(allocations))
	is.True(slices.Max(all)-slices.Min(all) < 24) // parsing 64 rules takes hundreds
}

// altering returns a function that replaces a token's record by a copy with one changed member.
// The function returns the ID of a token of the new record, a macaroon signed with its key, and
// the error of reading that key, in which case the macaroon is signed with no key.
func altering(t testing.TB, v *myvault.Vault, token tokens.Token) func(t testing.TB, member string, value any) (id []byte, m *macaroon.Macaroon, unread error) {
	t.Helper()
	is := is.New(t)
	records, err := v.Extend("tokens")
	is.NoErr(err)
	path := strings.ReplaceAll(token.ID[:strings.LastIndex(token.ID, ".")], ".", "/")
	whole, err := records.GetRecord(t.Context(), path)
	is.NoErr(err)
	return func(t testing.TB, member string, value any) (id []byte, m *macaroon.Macaroon, unread error) {
		t.Helper()
		is := is.New(t)
		var members map[string]any
		is.NoErr(json.Unmarshal(whole.Value.RevealBytes(), &members))
		members[member] = value
		changed, err := json.Marshal(members)
		is.NoErr(err)
		info, err := records.PutRecord(t.Context(), v.As("root"), path, myvault.Text(string(changed)))
		is.NoErr(err)
		var r struct{ Key []byte }
		unread = json.Unmarshal(changed, &r)
		id = fmt.Appendf(nil, "myvault-token-v1:%s.%d", strings.ReplaceAll(path, "/", "."), info.Version)
		m, err = macaroon.New(r.Key, id, "", macaroon.V2)
		is.NoErr(err)
		return id, m, unread
	}
}

// Login parses the details of a record only after the signature of the token is verified.
func TestDetailsAreParsedForTheBearerOnly(t *testing.T) {
	is := is.New(t)
	v, issuer := inMemory(t)
	token := mint(t, issuer, newsbot(t, v), tokens.Grant{})
	alter := altering(t, v, token)
	for name, bad := range map[string]any{"rules": []string{"newsbot"}, "proof": "no proof"} {
		id, m, err := alter(t, name, bad)
		is.NoErr(err)
		_, err = login(t, issuer, myvault.Text(text(t, m)))
		is.True(errors.Is(err, myvault.ErrTampered)) // the signature is valid
		_, err = login(t, issuer, myvault.Text(assembled(id, nil, parsed(t, token.Bearer).Signature()[:31])))
		is.True(unauthenticated(err))
		_, err = login(t, issuer, myvault.Text(assembled(id, nil, make([]byte, 32))))
		is.True(unauthenticated(err))
	}
}

// BenchmarkFailedLogin compares the cost of refusing a token for different reasons.
func BenchmarkFailedLogin(b *testing.B) {
	store, err := sqlite.Open(b.Context(), b.TempDir(), sqlite.StaticKey(crypto.NewKey()), sqlite.Config{})
	if err != nil {
		b.Fatal(err)
	}
	v, issuer := setup(b, store, tokens.Config{})
	all := wrong(b, v, issuer)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		bearer := all[name]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := issuer.Login(b.Context(), tokens.Credentials{Bearer: bearer}); !unauthenticated(err) {
					b.Fatal(err)
				}
			}
		})
	}
}

// certificate returns a self-signed certificate. Verifying it is the server's task.
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

func TestTokenBoundToACertificate(t *testing.T) {
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
		is.True(unauthenticated(with(bearer, another)))
		is.True(unauthenticated(with(bearer, nil)))
	}
	is.True(unauthenticated(with(both, mine)))
	is.True(unauthenticated(with(both, another)))
}

// unreadable is a provider whose reads return err.
type unreadable struct {
	*memory.Provider
	err error
}

func (p *unreadable) Get(ctx context.Context, a myvault.Address, v myvault.Version) (myvault.Secret, error) {
	if p.err != nil {
		return myvault.Secret{}, p.err
	}
	return p.Provider.Get(ctx, a, v)
}

// If the record cannot be read, Login returns the store's error: it does not say whether the
// token is valid.
func TestLoginReturnsErrorsOfTheStore(t *testing.T) {
	is := is.New(t)
	store := &unreadable{Provider: memory.New(memory.Config{})}
	v, issuer := setup(t, store, tokens.Config{})
	token := mint(t, issuer, newsbot(t, v), tokens.Grant{})
	s := mustLogin(t, issuer, token.Bearer)
	for _, store.err = range []error{myvault.ErrUnavailable, myvault.ErrTampered} {
		for _, bearer := range []myvault.Value{token.Bearer, myvault.Text("malformed")} {
			_, err := login(t, issuer, bearer)
			is.True(errors.Is(err, store.err)) // for valid and malformed tokens
		}
		is.True(errors.Is(get(t, s, db), store.err))
		_, err := issuer.Mint(t.Context(), v.As("newsbot"), tokens.Grant{Rules: rules(t, "*/")})
		is.True(errors.Is(err, store.err))
	}
	store.err = nil
	records, err := v.Extend("tokens")
	is.NoErr(err)
	for info, err := range records.ListRecords(t.Context(), "", "") {
		is.NoErr(err)
		whole, err := records.GetRecord(t.Context(), info.Path)
		is.NoErr(err)
		for _, bad := range []string{"{}", "null", `{"v":2}`, `{"v":1,"key":""}`, whole.Value.Reveal()[1:], whole.Value.Reveal() + "x"} {
			_, err = records.PutRecord(t.Context(), v.As("root"), info.Path, myvault.Text(bad))
			is.NoErr(err)
			_, err = login(t, issuer, token.Bearer)
			is.True(errors.Is(err, myvault.ErrTampered))
			is.True(errors.Is(get(t, s, db), myvault.ErrTampered))
		}
	}
}
