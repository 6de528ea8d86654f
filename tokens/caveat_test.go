package tokens_test

import (
	"errors"
	"testing"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/tokens"
)

// FuzzCaveat checks that ParseCaveat returns the text it read or ErrInvalid, and that a caveat
// adds no right to a token.
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
		s, loginErr := login(t, issuer, withCaveat(t, token.Bearer, text))
		if loginErr == nil && err != nil {
			t.Fatalf("ParseCaveat refuses %q, Login accepts it", text)
		}
		if loginErr == nil && (explainAllows(t, s, myvault.Write, db) || explainAllows(t, s, myvault.Read, smtp)) {
			t.Fatalf("%q added a right", text)
		}
	})
}
