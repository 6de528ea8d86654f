package operate

import (
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// TestPruneTrailOnly prunes the trail of a server over HashiCorp Vault.
func TestPruneTrailOnly(t *testing.T) {
	is := is.New(t)
	dir, key := t.TempDir(), crypto.NewKey()
	trail, err := sqlite.OpenTrail(t.Context(), dir, sqlite.StaticKey(key), sqlite.TrailConfig{MaxAge: -1})
	is.NoErr(err)
	for _, age := range []int{-40, -40, 0} {
		is.NoErr(trail.Record(t.Context(), myvault.Entry{Service: "ui", Action: "read", At: time.Now().AddDate(0, 0, age)}))
	}
	is.NoErr(trail.Close())
	t.Chdir(t.TempDir())
	t.Setenv("MYVAULT_ENV", "")
	t.Setenv("MYVAULT_DATA", dir)
	t.Setenv("MSA_MASTER_KEY", key.Text())
	out, err := printed(prune(t.Context(), 0, 30, silent))
	is.NoErr(err)
	is.Equal(out, "2 access entries removed\n")
	_, err = prune(t.Context(), 1, 0, silent)
	is.True(err != nil) // the versions are in Vault
}
