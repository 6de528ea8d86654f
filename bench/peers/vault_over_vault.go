package peers

import (
	"context"
	"errors"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// OverVault returns a vault over a HashiCorp Vault, with its trail in dir. The mount must keep 10
// versions, which is Vault's default.
func OverVault(ctx context.Context, address, token, base, dir string, reads myvault.Reads) (*myvault.Vault, error) {
	policy, err := NewPolicy(2)
	if err != nil {
		return nil, err
	}
	store, err := hashivault.Open(ctx, hashivault.Config{
		Addresses: []string{address}, Token: myvault.Text(token), Base: base, KeepVersions: 10,
	})
	if err != nil {
		return nil, err
	}
	trail, err := sqlite.OpenTrail(ctx, dir, sqlite.StaticKey(crypto.NewKey()), sqlite.TrailConfig{})
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	vault, err := myvault.New(store, policy, myvault.Config{Trail: trail, Reads: reads})
	if err != nil {
		return nil, errors.Join(err, trail.Close(), store.Close())
	}
	return vault, nil
}
