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

// shared is the shared token of newsbot.
const shared = "newsbot-shared-token-0123"

var (
	db    = myvault.Address{Project: "newsbot", Path: "prod/db"}
	smtp  = myvault.Address{Project: "common", Path: "prod/smtp"}
	other = myvault.Address{Project: "rag", Path: "prod/db"}
)

func rules(t testing.TB, texts ...string) []myvault.Rule {
	t.Helper()
	all := make([]myvault.Rule, len(texts))
	for i, text := range texts {
		r, err := myvault.ParseRule(text)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = r
	}
	return all
}

// policy returns a policy in which newsbot has one shared token and the rules allow, and root
// may do everything.
func policy(t testing.TB, token string, allow ...string) *myvault.Policy {
	t.Helper()
	p, err := myvault.NewPolicy(
		myvault.Service{Name: "newsbot", Tokens: []string{token}, Allow: rules(t, allow...), Deny: rules(t, "newsbot/prod/hidden")},
		myvault.Service{Name: "root", Allow: rules(t, "*/@read+write+delete+list+destroy+audit")},
	)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func usual(t testing.TB) *myvault.Policy {
	return policy(t, shared, "newsbot/", "common/prod/@read+list")
}

// setup returns a vault over p with a few secrets, and its issuer.
func setup(t testing.TB, p myvault.Provider, c tokens.Config) (*myvault.Vault, *tokens.Issuer) {
	t.Helper()
	v, err := myvault.New(p, usual(t), myvault.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	for _, addr := range []myvault.Address{db, smtp, other} {
		if _, err := v.As("root").Put(t.Context(), addr, myvault.Text("hunter2")); err != nil {
			t.Fatal(err)
		}
	}
	issuer, err := tokens.New(v, c)
	if err != nil {
		t.Fatal(err)
	}
	return v, issuer
}

func inMemory(t testing.TB) (*myvault.Vault, *tokens.Issuer) {
	return setup(t, memory.New(memory.Config{}), tokens.Config{})
}

// newsbot logs in with the shared token.
func newsbot(t testing.TB, v *myvault.Vault) *myvault.Session {
	t.Helper()
	s, err := v.Login(t.Context(), myvault.Credentials{Service: "newsbot", Token: shared})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mint(t testing.TB, i *tokens.Issuer, by *myvault.Session, g tokens.Grant) tokens.Token {
	t.Helper()
	if g.Rules == nil {
		g.Rules = rules(t, "newsbot/prod/")
	}
	token, err := i.Mint(t.Context(), by, g)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func login(t testing.TB, i *tokens.Issuer, bearer myvault.Value) (*myvault.Session, error) {
	t.Helper()
	return i.Login(t.Context(), tokens.Credentials{Bearer: bearer.Reveal(), Request: "req-1", Remote: "192.0.2.1"})
}

func get(t testing.TB, s *myvault.Session, addr myvault.Address) error {
	t.Helper()
	_, err := s.Get(t.Context(), addr)
	return err
}

func TestTokenGrantsASubsetOfItsService(t *testing.T) {
	is := is.New(t)
	v, issuer := inMemory(t)
	// The rules of the token exceed those of the service.
	token := mint(t, issuer, newsbot(t, v), tokens.Grant{Rules: rules(t, "*/prod/")})
	is.True(strings.HasPrefix(token.ID, "newsbot."))
	is.Equal(token.Service, "newsbot")
	is.Equal(token.ExpiresAt.Sub(token.IssuedAt), tokens.DefaultLifetime)
	s, err := login(t, issuer, token.Bearer)
	is.NoErr(err)
	is.Equal(s.Service(), "newsbot")
	is.NoErr(get(t, s, db))
	is.NoErr(get(t, s, smtp))
	is.True(errors.Is(get(t, s, other), myvault.ErrDenied))                                              // the service may not
	is.True(errors.Is(get(t, s, myvault.Address{Project: "newsbot", Path: "dev/x"}), myvault.ErrDenied)) // the token may not
	is.True(errors.Is(get(t, s, myvault.Address{Project: "newsbot", Path: "prod/hidden"}), myvault.ErrDenied))
	_, err = s.Put(t.Context(), smtp, myvault.Text("x"))
	is.True(errors.Is(err, myvault.ErrDenied))
	for e, err := range v.As("root").Trail(t.Context(), myvault.TrailFilter{Service: "newsbot", Action: "read"}) {
		is.NoErr(err)
		is.Equal(e.Via, "capability")
		is.Equal(e.Request, "req-1")
	}
	v.SetPolicy(policy(t, shared, "common/")) // the current policy applies, not that of the minting
	is.True(errors.Is(get(t, s, db), myvault.ErrDenied))
	is.NoErr(get(t, s, smtp))
}

func TestNarrowing(t *testing.T) {
	v, issuer := inMemory(t)
	token := mint(t, issuer, newsbot(t, v), tokens.Grant{Rules: rules(t, "*/")})
	for name, c := range map[string]struct {
		caveats        []tokens.Caveat
		db, smtp, list bool
	}{
		"none":         {nil, true, true, true},
		"rules":        {[]tokens.Caveat{tokens.Rules(rules(t, "newsbot/prod/")...)}, true, false, true},
		"two rules":    {[]tokens.Caveat{tokens.Rules(rules(t, "newsbot/dev/", "common/prod/smtp")...)}, false, true, false},
		"both":         {[]tokens.Caveat{tokens.Rules(rules(t, "newsbot/")...), tokens.Rules(rules(t, "common/")...)}, false, false, false},
		"actions":      {[]tokens.Caveat{tokens.Actions(myvault.Read)}, true, true, false},
		"then all":     {[]tokens.Caveat{tokens.Actions(myvault.Read), tokens.Rules(rules(t, "*/")...)}, true, true, false},
		"other action": {[]tokens.Caveat{tokens.Actions(myvault.Write | myvault.List)}, false, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			narrowed, err := tokens.Narrow(token.Bearer, c.caveats...)
			is.NoErr(err)
			s, err := login(t, issuer, narrowed)
			is.NoErr(err)
			is.Equal(get(t, s, db) == nil, c.db)
			is.Equal(get(t, s, smtp) == nil, c.smtp)
			page, err := s.ListPage(t.Context(), myvault.ListOptions{Prefix: myvault.Prefix{Project: "newsbot"}}, 10)
			is.NoErr(err)
			is.Equal(len(page.Items) > 0, c.list)
		})
	}
}

// Restricted sessions, bearers of tokens and other services cannot mint, list or revoke.
func TestOnlyTheServiceManagesItsTokens(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	v, issuer := inMemory(t)
	token := mint(t, issuer, newsbot(t, v), tokens.Grant{})
	bearer, err := login(t, issuer, token.Bearer)
	is.NoErr(err)
	restricted := newsbot(t, v).Restrict(rules(t, "*/")...)
	guarded, err := extensionOf(t, v).Resume("newsbot", "embedded", func(context.Context) error { return nil })
	is.NoErr(err)
	for _, s := range []*myvault.Session{nil, bearer, restricted, guarded, v.As("stranger")} {
		_, err := issuer.Mint(ctx, s, tokens.Grant{Rules: rules(t, "*/")})
		is.True(errors.Is(err, myvault.ErrDenied))
		is.True(errors.Is(issuer.Revoke(ctx, s, token.ID), myvault.ErrDenied))
		for _, err := range issuer.List(ctx, s) {
			is.True(errors.Is(err, myvault.ErrDenied))
		}
	}
	denied := uint64(0)
	for e, err := range v.As("root").Trail(ctx, myvault.TrailFilter{Service: "newsbot", Outcome: myvault.OutcomeDenied}) {
		is.NoErr(err)
		denied += e.Count
	}
	is.True(denied >= 2) // one of the bearer, one of the other two; equal ones follow a second later
	for _, id := range []string{token.ID, token.ID + "0", "", "newsbot", "newsbot.1", "newsbot.1.0", "newsbot.01.1", "newsbot.-1.1", "root.1.1", "../x.1.1", "newsbot.1.1.1"} {
		is.True(errors.Is(issuer.Revoke(ctx, v.As("root"), id), myvault.ErrNotFound))
	}
	for range issuer.List(ctx, v.As("root")) {
		t.Error("root lists a token of another service")
	}
	is.NoErr(get(t, bearer, db)) // still valid
	is.NoErr(issuer.Revoke(ctx, v.As("newsbot"), token.ID))
	is.True(errors.Is(issuer.Revoke(ctx, v.As("newsbot"), token.ID), myvault.ErrNotFound))
}

func TestInvalidGrants(t *testing.T) {
	is := is.New(t)
	v, issuer := inMemory(t)
	ok := rules(t, "newsbot/")
	long := strings.Repeat("a", 128) + "/" + strings.Repeat("b", 128)
	for name, g := range map[string]tokens.Grant{
		"no rules": {}, "a zero rule": {Rules: make([]myvault.Rule, 1)}, "too many rules": {Rules: make([]myvault.Rule, 65)},
		"too long": {Rules: ok, Lifetime: 31 * 24 * 3600e9}, "negative": {Rules: ok, Lifetime: -3600e9}, "half a second": {Rules: ok, Lifetime: 1500e6},
	} {
		_, err := issuer.Mint(t.Context(), newsbot(t, v), g)
		if !errors.Is(err, myvault.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var many []myvault.Rule
	for range 64 {
		many = append(many, rules(t, long)...)
	}
	_, err := issuer.Mint(t.Context(), newsbot(t, v), tokens.Grant{Rules: many})
	is.True(errors.Is(err, myvault.ErrTooLarge))
	for _, c := range []tokens.Config{{MaxLifetime: 1}, {MaxLifetime: -1}, {MaxPerService: -1}, {MaxPerService: 10_001}} {
		_, err := tokens.New(v, c)
		is.True(errors.Is(err, myvault.ErrInvalid))
	}
	_, err = tokens.New(nil, tokens.Config{})
	is.True(errors.Is(err, myvault.ErrInvalid))
}

func TestInvalidCaveats(t *testing.T) {
	is := is.New(t)
	v, issuer := inMemory(t)
	token := mint(t, issuer, newsbot(t, v), tokens.Grant{})
	for _, text := range []string{
		"", "rules", "rules ", "rules newsbot", "rules newsbot/,", "rules newsbot/, rag/", "rules  newsbot/", "rules */@all", "Rules newsbot/", "rule newsbot/",
		"actions", "actions ", "actions all", "actions read,write", "actions read+", "actions read @list", "actions read+list ",
		"actions read,newsbot/prod/@write", "actions prod@read", "actions prod/@read", "actions x/y/@read", "actions read,x/@list", "actions read,*/",
		"before", "before now", "before 2026-11-28T19:00:00+00:00", "before 2026-11-28T19:00:00.5Z", "before 2026-11-28T19:00:00z", "before 2026-11-28 19:00:00Z", "before 2026-02-30T00:00:00Z", "before 2026-11-28T1:00:00Z",
		"certificate ", "certificate " + strings.Repeat("A", 64), "certificate " + strings.Repeat("a", 63), "certificate " + strings.Repeat("a", 66),
		"rules " + strings.Repeat("a/,", 64) + "a/", "rules " + strings.Repeat("a", 1024) + "/", "time-before 2026-11-28T19:00:00Z", "rules .tokens/",
	} {
		_, err := tokens.ParseCaveat(text)
		if !errors.Is(err, myvault.ErrInvalid) {
			t.Errorf("%q: %v", text, err)
		}
		// Login refuses a token that contains it.
		_, err = login(t, issuer, withCaveat(t, token.Bearer, text))
		if !errors.Is(err, myvault.ErrUnauthenticated) {
			t.Errorf("%q in a token: %v", text, err)
		}
	}
	for _, c := range []tokens.Caveat{{}, tokens.Rules(), tokens.Rules(myvault.Rule{}), tokens.Actions(0), tokens.Actions(64), tokens.Before(farAway)} {
		_, err := tokens.Narrow(token.Bearer, c)
		is.True(errors.Is(err, myvault.ErrInvalid))
	}
	bearer := token.Bearer
	for range tokens.MaxCaveats {
		var err error
		bearer, err = tokens.Narrow(bearer, tokens.Actions(myvault.Read))
		is.NoErr(err)
	}
	_, err := login(t, issuer, bearer)
	is.NoErr(err)
	_, err = tokens.Narrow(bearer, tokens.Actions(myvault.Read))
	is.True(errors.Is(err, myvault.ErrTooLarge))
	_, err = login(t, issuer, withCaveat(t, bearer, "actions read"))
	is.True(errors.Is(err, myvault.ErrUnauthenticated))
	_, err = tokens.Narrow(myvault.Text("no token"), tokens.Actions(myvault.Read))
	is.True(errors.Is(err, myvault.ErrInvalid))
	is.True(!strings.Contains(err.Error(), "no token")) // the input may be a token
}

func extensionOf(t testing.TB, v *myvault.Vault) *myvault.Extension {
	t.Helper()
	x, err := v.Extend("tokens")
	if err != nil {
		t.Fatal(err)
	}
	return x
}
