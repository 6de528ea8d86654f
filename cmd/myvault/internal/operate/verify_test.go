package operate

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"
	"github.com/ncruces/go-sqlite3"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

func TestVerifyDetectsChanges(t *testing.T) {
	is := is.New(t)
	dir, keys := t.TempDir(), sqlite.StaticKey(crypto.NewKey())
	_, err := verify(t.Context(), dir, keys)
	is.True(err != nil) // no store is created
	store, err := sqlite.Open(t.Context(), dir, keys, sqlite.Config{})
	is.NoErr(err)
	_, err = store.Apply(t.Context(), myvault.Commit{By: "svc", Changes: []myvault.Change{
		{Op: myvault.OpPut, Address: myvault.Address{Project: "p", Path: "x"}, Value: myvault.Text("v")},
	}})
	is.NoErr(err)
	is.NoErr(store.Close())
	out, err := printed(verify(t.Context(), dir, keys))
	is.NoErr(err)
	is.True(strings.HasPrefix(out, "1 changes, 0 accesses, 1 records opened"))

	db, err := sqlite3.Open(filepath.Join(dir, "vault.db"))
	is.NoErr(err)
	is.NoErr(db.Exec(`UPDATE log SET author = 'somebody else'`))
	is.NoErr(db.Close())
	_, err = verify(t.Context(), dir, keys)
	is.True(errors.Is(err, myvault.ErrTampered))
}

// TestVerifyTrailOnly verifies the trail of a server over HashiCorp Vault.
func TestVerifyTrailOnly(t *testing.T) {
	is := is.New(t)
	dir, keys := t.TempDir(), sqlite.StaticKey(crypto.NewKey())
	trail, err := sqlite.OpenTrail(t.Context(), dir, keys, sqlite.TrailConfig{})
	is.NoErr(err)
	is.NoErr(trail.Record(t.Context(), myvault.Entry{Service: "ui", Action: "read"}, myvault.Entry{Service: "ui", Action: "read"}))
	heads, err := trail.Heads(t.Context())
	is.NoErr(err)
	is.NoErr(trail.Close())
	out, err := printed(verify(t.Context(), dir, keys, heads...))
	is.NoErr(err)
	is.Equal(out, "0 changes, 2 accesses, 0 records opened, 0 destroyed, 0 secrets, 0 projects; compared with earlier heads: access at 2\n")
}
