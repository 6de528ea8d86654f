package hashivault_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/vault/api"
	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault"
)

// TestCheckFindsWhatOpenRefuses without asking Vault, and all of it at once.
func TestCheckFindsWhatOpenRefuses(t *testing.T) {
	is := is.New(t)
	good := hashivault.Config{Addresses: []string{"https://127.0.0.1:1"}, Token: myvault.Text("t")}
	is.NoErr(good.Check())
	bad := good
	bad.Addresses, bad.Mount, bad.TLS = []string{"127.0.0.1"}, "a/../b", api.TLSConfig{CACert: "/none"}
	err := bad.Check()
	is.True(errors.Is(err, myvault.ErrInvalid))
	for _, want := range []string{"address 1", "plain paths", "TLS"} {
		is.True(strings.Contains(err.Error(), want))
	}
	_, err = hashivault.Open(t.Context(), bad)
	is.True(errors.Is(err, myvault.ErrInvalid))
}
