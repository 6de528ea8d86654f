package tokens_test

import (
	"errors"
	"testing"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/tokens"
)

// A caveat that parses is written as it was read, and lets a narrowed token do no more; else it is ErrInvalid.
func FuzzCaveat(f *testing.F) {
	for _, seed := range []string{
		"rules newsbot/prod/@read,common/*/", "actions read+list", "before 2026-11-28T19:00:00Z",
		"certificate e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "rules  */", "actions all", "before 0000-00-00T00:00:00Z", "",
	} {
		f.Add(seed)
	}
	v, issuer := inMemory(f)
	token := mint(f, issuer, newsbot(f, v), tokens.Grant{Rules: rules(f, "newsbot/prod/@read")})
	f.Fuzz(func(t *testing.T, text string) {
		c, err := tokens.ParseCaveat(text)
		switch {
		case err != nil && !errors.Is(err, myvault.ErrInvalid):
			t.Fatalf("%q: %v", text, err)
		case err == nil && c.String() != text:
			t.Fatalf("%q became %q", text, c)
		}
		s, loginErr := login(t, issuer, appended(t, token.Bearer, text))
		if loginErr == nil && err != nil {
			t.Fatalf("%q is refused, and let in", text)
		}
		if loginErr == nil && (explains(t, s, myvault.Write, db) || explains(t, s, myvault.Read, smtp)) {
			t.Fatalf("%q gave a right", text)
		}
	})
}

// What is no token that was minted or narrowed from one lets nobody in.
func FuzzBearer(f *testing.F) {
	v, issuer := inMemory(f)
	token := mint(f, issuer, newsbot(f, v), tokens.Grant{})
	f.Add(token.Bearer.Reveal())
	for _, bearer := range wrong(f, v, issuer) {
		f.Add(bearer)
	}
	f.Add("AgIebXl2YXVsdC10b2tlbi12MTpuZXdzYm90LjEuMQAABiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, bearer string) {
		_, err := issuer.Login(t.Context(), tokens.Credentials{Bearer: bearer})
		if err == nil && bearer != token.Bearer.Reveal() || err != nil && !ended(err) {
			t.Fatalf("%q: %v", bearer, err)
		}
	})
}
