package tokens_test

import (
	"testing"

	"github.com/myswiftagent/myvault/tokens"
)

// FuzzBearer checks that Login accepts the minted token and no other text.
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
		if err == nil && bearer != token.Bearer.Reveal() || err != nil && !unauthenticated(err) {
			t.Fatalf("%q: %v", bearer, err)
		}
	})
}
