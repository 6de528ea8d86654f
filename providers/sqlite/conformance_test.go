package sqlite_test

import (
	"context"
	"testing"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/providertest"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	providertest.Run(t, func(t testing.TB) providertest.Store {
		const projects = 20
		dir, keys := t.TempDir(), sqlite.StaticKey(crypto.NewKey())
		return providertest.Store{
			MaxProjects: projects,
			Open: func(ctx context.Context) (myvault.Provider, error) {
				return sqlite.Open(ctx, dir, keys, sqlite.Config{MaxProjects: projects})
			},
		}
	})
}
