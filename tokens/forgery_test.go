package tokens_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"
	"gopkg.in/macaroon.v2"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/tokens"
)

var farAway = time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)

// parsed returns the macaroon of a token.
func parsed(t testing.TB, bearer myvault.Value) *macaroon.Macaroon {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(bearer.Reveal())
	m := new(macaroon.Macaroon)
	if err == nil {
		err = m.UnmarshalBinary(raw)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func text(t testing.TB, m *macaroon.Macaroon) string {
	t.Helper()
	raw, err := m.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

// withCaveat adds a caveat of any text.
func withCaveat(t testing.TB, bearer myvault.Value, caveat string) myvault.Value {
	t.Helper()
	m := parsed(t, bearer)
	if err := m.AddFirstPartyCaveat([]byte(caveat)); err != nil {
		t.Fatal(err)
	}
	return myvault.Text(text(t, m))
}

// field encodes a field of the binary format, version 2.
func field(kind byte, data []byte) []byte {
	b := []byte{kind}
	for n := len(data); ; n >>= 7 {
		if n < 0x80 {
			return append(append(b, byte(n)), data...)
		}
		b = append(b, byte(n)|0x80)
	}
}

// assembled encodes a macaroon of any parts without signing them.
func assembled(id []byte, caveats [][]byte, sig []byte) string {
	raw := append([]byte{2}, field(2, id)...)
	raw = append(raw, 0)
	for _, c := range caveats {
		raw = append(append(raw, field(2, c)...), 0)
	}
	raw = append(append(raw, 0), field(6, sig)...)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// forger makes tokens from a genuine one and another one of the same service.
type forger struct {
	t           testing.TB
	r           *rand.Rand
	token       myvault.Value
	m, stranger *macaroon.Macaroon
}

// kinds are ways to forge a token. Login must refuse the result of each.
var kinds = []struct {
	name  string
	forge func(*forger) string
}{
	{"a flipped bit", func(f *forger) string {
		raw, _ := base64.RawURLEncoding.DecodeString(f.token.Reveal())
		raw[f.r.IntN(len(raw))] ^= 1 << f.r.IntN(8)
		return base64.RawURLEncoding.EncodeToString(raw)
	}},
	{"a changed character", func(f *forger) string {
		b := []byte(f.token.Reveal())
		b[f.r.IntN(len(b))] = byte(f.r.IntN(256))
		return string(b)
	}},
	{"truncated", func(f *forger) string {
		s := f.token.Reveal()
		from := f.r.IntN(2) * f.r.IntN(len(s))
		return s[from : from+f.r.IntN(len(s)-from)]
	}},
	{"trailing bytes", func(f *forger) string {
		raw, _ := base64.RawURLEncoding.DecodeString(f.token.Reveal())
		for range 1 + f.r.IntN(8) {
			raw = append(raw, byte(f.r.IntN(256)))
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}},
	{"another encoding", func(f *forger) string {
		s := f.token.Reveal()
		return []string{s + "=", s + "==", s + "\n", " " + s, s[:9] + "\r\n" + s[9:], "Bearer " + s, s + "." + s, s + s, "%" + s}[f.r.IntN(9)]
	}},
	{"caveats in another order", func(f *forger) string {
		caveats := f.caveats()
		f.r.Shuffle(len(caveats), func(i, j int) { caveats[i], caveats[j] = caveats[j], caveats[i] })
		return f.with(caveats)
	}},
	{"a removed caveat", func(f *forger) string {
		caveats := f.caveats()
		n := f.r.IntN(len(caveats))
		return f.with(append(caveats[:n:n], caveats[n+1:]...))
	}},
	{"no caveats", func(f *forger) string { return f.with(nil) }},
	{"a wider caveat", func(f *forger) string {
		caveats := f.caveats()
		wider := []string{"rules */", "rules */@read+write+delete+list+destroy+audit", "actions read+write+delete+list+destroy+audit", "before 9999-12-31T23:59:59Z", ""}
		caveats[f.r.IntN(len(caveats))] = []byte(wider[f.r.IntN(len(wider))])
		return f.with(caveats)
	}},
	{"a caveat without a signature", func(f *forger) string { return f.with(append(f.caveats(), []byte("rules */"))) }},
	{"another token's ID", func(f *forger) string { return assembled(f.stranger.Id(), f.caveats(), f.m.Signature()) }},
	{"another token's signature", func(f *forger) string { return assembled(f.m.Id(), f.caveats(), f.stranger.Signature()) }},
	{"a similar ID", func(f *forger) string {
		ids := []string{"newsbot.%d.1", "newsbot.1.%d", "root.%d.1", "-.%d.1", "newsbot.0%d.1", "newsbot/../root.%d.1", "%d"}
		id := fmt.Sprintf("myvault-token-v1:"+ids[f.r.IntN(len(ids))], f.r.IntN(1000))
		if id == string(f.m.Id()) {
			id += "0"
		}
		return assembled([]byte(id), f.caveats(), f.m.Signature())
	}},
	{"signed with a guessed key", func(f *forger) string {
		key := [][]byte{nil, make([]byte, 32), f.m.Id(), f.m.Signature(), []byte(shared)}[f.r.IntN(5)]
		m, _ := macaroon.New(key, f.m.Id(), "", macaroon.V2)
		return text(f.t, m)
	}},
	{"signed with its signature", func(f *forger) string {
		m, _ := macaroon.New(f.m.Signature(), f.m.Id(), "", macaroon.V2)
		for _, c := range f.caveats()[:f.r.IntN(3)] {
			_ = m.AddFirstPartyCaveat(c)
		}
		return text(f.t, m)
	}},
	{"with a location", func(f *forger) string {
		m := f.m.Clone()
		m.SetLocation("https://vault.example")
		return text(f.t, m)
	}},
	{"a third-party caveat", func(f *forger) string {
		m := f.m.Clone()
		_ = m.AddThirdPartyCaveat([]byte("key"), []byte("rules */"), "")
		return text(f.t, m)
	}},
	{"JSON", func(f *forger) string {
		raw, _ := json.Marshal(f.m)
		return []string{string(raw), base64.RawURLEncoding.EncodeToString(raw)}[f.r.IntN(2)]
	}},
	{"random bytes", func(f *forger) string {
		raw := make([]byte, f.r.IntN(200))
		for i := range raw {
			raw[i] = byte(f.r.IntN(256))
		}
		return []string{string(raw), base64.RawURLEncoding.EncodeToString(raw), strings.Repeat("A", 9000), "", f.token.Reveal()[:len(f.token.Reveal())-1] + "_"}[f.r.IntN(5)]
	}},
}

func (f *forger) caveats() [][]byte {
	var all [][]byte
	for _, c := range f.m.Caveats() {
		all = append(all, []byte(string(c.Id)))
	}
	return all
}

// with returns the token with other caveats and its own signature.
func (f *forger) with(caveats [][]byte) string {
	return assembled(f.m.Id(), caveats, f.m.Signature())
}

// Login refuses 100,000 tokens that were altered, truncated, reordered or widened.
func TestForgedTokensAreRefused(t *testing.T) {
	is := is.New(t)
	const wanted = 100_000
	v, issuer := inMemory(t)
	by := newsbot(t, v)
	token, err := tokens.Narrow(mint(t, issuer, by, tokens.Grant{}).Bearer,
		tokens.Rules(rules(t, "newsbot/prod/")...), tokens.Actions(myvault.Read), tokens.Before(time.Now().Add(time.Hour)))
	is.NoErr(err)
	f := &forger{t: t, r: rand.New(rand.NewPCG(6, 1)), token: token, m: parsed(t, token), stranger: parsed(t, mint(t, issuer, by, tokens.Grant{}).Bearer)}
	is.Equal(assembled(f.m.Id(), f.caveats(), f.m.Signature()), token.Reveal()) // assembled encodes as the library does
	refused, same := make(map[string]int), 0
	for n := 0; n < wanted; {
		kind := kinds[(n+same)%len(kinds)]
		forged := kind.forge(f)
		if forged == token.Reveal() {
			same++ // the shuffle changed nothing
			continue
		}
		n++
		s, err := issuer.Login(t.Context(), tokens.Credentials{Bearer: forged})
		if s != nil || !errors.Is(err, myvault.ErrUnauthenticated) {
			t.Fatalf("%s: %q: %v", kind.name, forged, err)
		}
		refused[kind.name]++
	}
	s, err := login(t, issuer, token)
	is.NoErr(err)
	is.NoErr(get(t, s, db)) // the genuine token is still valid
	is.Equal(len(refused), len(kinds))
	t.Logf("%d forged tokens of %d kinds refused: %v", wanted, len(kinds), refused)
}
