package directory_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

func TestNetworkFileSystemsAreRefused(t *testing.T) {
	is := is.New(t)
	key := sqlite.StaticKey(crypto.NewKey())
	dir := filepath.Join(t.TempDir(), "a", "b")
	var asked string
	c := storetest.OptionsOf(sqlite.Config{}).WithNetwork(func(dir string) (string, error) {
		asked = dir
		return "NFS", nil
	})
	_, err := c.Open(t.Context(), dir, key)
	is.True(errors.Is(err, sqlite.ErrNetworkFS))
	is.True(strings.Contains(err.Error(), "NFS"))
	is.True(strings.HasPrefix(dir, asked)) // the nearest existing directory
	_, err = os.Stat(filepath.Dir(dir))
	is.True(errors.Is(err, os.ErrNotExist)) // nothing is created

	name, err := directory.NetworkOf(t.TempDir())
	is.NoErr(err)
	is.Equal(name, "")
}
