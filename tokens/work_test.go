package tokens_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/matryer/is"
	"gopkg.in/macaroon.v2"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/tokens"
)

// TestTheWorkIsTheSame whatever is wrong with a token: one record is asked for.
func TestTheWorkIsTheSame(t *testing.T) {
	is := is.New(t)
	store := &counting{Provider: memory.New(memory.Config{})}
	v, issuer := setup(t, store, tokens.Config{})
	var first string
	for name, bearer := range wrong(t, v, issuer) {
		store.reads = 0
		_, err := issuer.Login(t.Context(), tokens.Credentials{Bearer: bearer})
		is.True(ended(err))
		is.Equal(store.reads, 1)
		if first == "" {
			first = err.Error()
		}
		if err.Error() != first {
			t.Errorf("%s is told apart: %v", name, err)
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

// wrong gives tokens that let nobody in, by what is wrong with them.
func wrong(t testing.TB, v *myvault.Vault, issuer *tokens.Issuer) map[string]string {
	t.Helper()
	var many []myvault.Rule
	for n := range tokens.MaxRules {
		many = append(many, rules(t, fmt.Sprintf("newsbot/prod/part-%d/*/@read+list", n))...)
	}
	live, gone := mint(t, issuer, newsbot(t, v), tokens.Grant{}), mint(t, issuer, newsbot(t, v), tokens.Grant{})
	long := mint(t, issuer, newsbot(t, v), tokens.Grant{Rules: many})
	if err := issuer.Revoke(t.Context(), newsbot(t, v), gone.ID); err != nil {
		t.Fatal(err)
	}
	unsigned := func(token tokens.Token) string {
		m := parsed(t, token.Bearer)
		sig := m.Signature()
		sig[0] ^= 1
		return assembled(m.Id(), nil, sig)
	}
	return map[string]string{
		"unknown service":         assembled([]byte("myvault-token-v1:nobody.1.1"), nil, parsed(t, live.Bearer).Signature()),
		"empty place":             assembled([]byte("myvault-token-v1:newsbot.9999.1"), nil, parsed(t, live.Bearer).Signature()),
		"wrong token":             unsigned(live),
		"wrong token of 64 rules": unsigned(long),
		"revoked":                 gone.Bearer.Reveal(),
		"malformed":               live.Bearer.Reveal()[1:],
	}
}

// TestNoRuleIsReadForAWrongToken: a token of 64 rules costs no more steps to refuse than one that never was.
func TestNoRuleIsReadForAWrongToken(t *testing.T) {
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
	is.True(slices.Max(all)-slices.Min(all) < 24) // reading 64 rules takes hundreds
}

// altering gives what puts another record in the place of a token's: the first one, with a member changed. It tells the id of a
// token of that record, one under the record's key, and why that could not be read, which is then none.
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

// TestARecordIsUnderstoodForItsBearerAlone: what stands in it is not looked at for a token with another signature.
func TestARecordIsUnderstoodForItsBearerAlone(t *testing.T) {
	is := is.New(t)
	v, issuer := inMemory(t)
	token := mint(t, issuer, newsbot(t, v), tokens.Grant{})
	alter := altering(t, v, token)
	for name, bad := range map[string]any{"rules": []string{"newsbot"}, "proof": "no proof"} {
		id, m, err := alter(t, name, bad)
		is.NoErr(err)
		_, err = login(t, issuer, myvault.Text(text(t, m)))
		is.True(errors.Is(err, myvault.ErrTampered)) // the one who has its key
		_, err = login(t, issuer, myvault.Text(assembled(id, nil, parsed(t, token.Bearer).Signature()[:31])))
		is.True(ended(err))
		_, err = login(t, issuer, myvault.Text(assembled(id, nil, make([]byte, 32))))
		is.True(ended(err))
	}
}

// BenchmarkFailedLogin compares what is wrong with a token by what its refusal costs.
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
				if _, err := issuer.Login(b.Context(), tokens.Credentials{Bearer: bearer}); !ended(err) {
					b.Fatal(err)
				}
			}
		})
	}
}
