package tamper_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// TestErrorsNameNoAddress checks that errors about tampering contain no project and no path: they
// reach logs, where neither may appear.
func TestErrorsNameNoAddress(t *testing.T) {
	for name, c := range map[string]struct{ sql, says string }{
		"a head":              {`UPDATE head SET author = 'x'`, "log sequence 2"},
		"a head and its log":  {`UPDATE head SET author = 'x'; DELETE FROM log`, "sequence 2"},
		"a record":            {`UPDATE log SET sealed = zeroblob(length(sealed))`, "log sequence 2"},
		"a short record":      {`UPDATE log SET sealed = x'01'`, "log sequence 2"},
		"a record of no key":  {`UPDATE log SET sealed = CAST(x'0100000009' || zeroblob(40) AS BLOB)`, "epoch 9"},
		"a row of the log":    {`UPDATE log SET author = 'x'`, "entry 1"},
		"a project":           {`UPDATE project SET author = 'x'`, "table project"},
		"a project of no log": {`DELETE FROM log; DELETE FROM head`, "table project"},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir, key := t.TempDir(), crypto.NewKey()
			s := storetest.Open(t, dir, key)
			_, err := storetest.Apply(s, storetest.Put("acme/prod/signing", "one"), storetest.Put("acme/prod/signing", "two"))
			is.NoErr(err)
			storetest.OpenRaw(t, dir, "vault.db").Exec(c.sql)
			said := tamperErrors(t, s)
			is.True(strings.Contains(said, c.says)) // the location
			for _, name := range []string{"acme", "prod", "signing"} {
				if strings.Contains(said, name) {
					t.Errorf("%q is in: %s", name, said)
				}
			}
		})
	}
}

// tamperErrors returns the texts of ErrTampered from every call that reads a secret.
func tamperErrors(t *testing.T, s *sqlite.Store) (said string) {
	t.Helper()
	signing := storetest.Addr("acme/prod/signing")
	note := func(err error) {
		if errors.Is(err, myvault.ErrTampered) {
			said += err.Error() + "\n"
		}
	}
	_, err := s.Verify(t.Context())
	note(err)
	for version := range myvault.Version(3) {
		_, err = s.Get(t.Context(), signing, version)
		note(err)
	}
	for _, err := range s.List(t.Context(), myvault.ListOptions{}) {
		note(err)
	}
	for _, err := range s.Versions(t.Context(), signing, 0) {
		note(err)
	}
	for _, err := range s.Projects(t.Context(), "") {
		note(err)
	}
	for _, change := range []myvault.Change{storetest.Put("acme/prod/signing", "three"), storetest.On(myvault.OpDestroy, "acme/prod/signing", 1)} {
		_, err = storetest.Apply(s, change)
		note(err)
	}
	return said
}
