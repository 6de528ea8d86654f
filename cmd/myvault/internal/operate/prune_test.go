package operate

import (
	"bytes"
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
	var out bytes.Buffer
	is.NoErr(prune(t.Context(), &out, 0, 30, silent))
	is.Equal(out.String(), "2 access entries removed\n")
	is.True(prune(t.Context(), &out, 1, 0, silent) != nil) // the versions are in Vault
}
