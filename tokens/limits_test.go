package tokens_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/tokens"
)

func TestDefaultLifetimeIsAtMostMaxLifetime(t *testing.T) {
	is := is.New(t)
	v, issuer := setup(t, memory.New(memory.Config{}), tokens.Config{MaxLifetime: time.Minute})
	token := mint(t, issuer, newsbot(t, v), tokens.Grant{})
	is.Equal(token.ExpiresAt.Sub(token.IssuedAt), time.Minute)
}

// The rules of a Grant are limited in number and in bytes.
func TestRuleLimits(t *testing.T) {
	is := is.New(t)
	v, issuer := inMemory(t)
	grant := func(n int, path string) error {
		var g tokens.Grant
		for range n {
			g.Rules = append(g.Rules, rules(t, "newsbot/"+path)...)
		}
		_, err := issuer.Mint(t.Context(), newsbot(t, v), g)
		return err
	}
	is.NoErr(grant(64, "prod/"))
	is.True(errors.Is(grant(65, "prod/"), myvault.ErrInvalid))
	is.True(errors.Is(grant(64, strings.Repeat("b", 127)), myvault.ErrTooLarge)) // though they fit in a record
}

// Changing the rules of a Grant after Mint does not change the Token.
func TestMintCopiesRules(t *testing.T) {
	is := is.New(t)
	v, issuer := inMemory(t)
	g := tokens.Grant{Rules: rules(t, "newsbot/prod/")}
	token := mint(t, issuer, newsbot(t, v), g)
	g.Rules[0] = rules(t, "*/")[0]
	is.Equal(token.Rules, rules(t, "newsbot/prod/"))
}

// Login refuses records of other versions: unknown members may have been meant to forbid
// something.
func TestLoginRefusesUnknownRecords(t *testing.T) {
	is := is.New(t)
	v, issuer := inMemory(t)
	token := mint(t, issuer, newsbot(t, v), tokens.Grant{})
	alter := altering(t, v, token)
	for name, c := range map[string]struct {
		member string
		value  any
		good   bool
	}{
		"unchanged":       {"v", 1, true},
		"newer":           {"v", 2, false},
		"no version":      {"v", nil, false},
		"unknown member":  {"only_from", "192.0.2.1", false},
		"no key":          {"key", "", false},
		"key is a number": {"key", 7, false},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			_, m, _ := alter(t, c.member, c.value) // some have no valid key
			_, err := login(t, issuer, myvault.Text(text(t, m)))
			is.Equal(err == nil, c.good)
			is.True(c.good || errors.Is(err, myvault.ErrTampered))
		})
	}
}

// Caveats and tokens are limited in bytes, not only in number.
func TestSizeLimits(t *testing.T) {
	is := is.New(t)
	text := "rules " + strings.Repeat("newsbot/prod/a/b/c/,", 50)
	_, err := tokens.ParseCaveat(text + "newsbot/")
	is.NoErr(err)
	_, err = tokens.ParseCaveat(text + "newsbot/prod/a/b/c/")
	is.True(errors.Is(err, myvault.ErrInvalid))
	v, issuer := inMemory(t)
	bearer := mint(t, issuer, newsbot(t, v), tokens.Grant{}).Bearer
	caveat, err := tokens.ParseCaveat(text + "newsbot/")
	is.NoErr(err)
	for range 5 {
		bearer, err = tokens.Narrow(bearer, caveat)
		is.NoErr(err)
	}
	_, err = tokens.Narrow(bearer, caveat)
	is.True(errors.Is(err, myvault.ErrTooLarge))
}
