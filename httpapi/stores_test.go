package httpapi_test

import (
	"cmp"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/internal/vaultserver"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// All tests of this package run over the provider that MYVAULT_TEST_PROVIDER names: memory
// where it is not set, sqlite, or hashivault on the server that MYVAULT_VAULT_BIN names.
var providerName = cmp.Or(os.Getenv("MYVAULT_TEST_PROVIDER"), "memory")

// Statuses that differ over some providers.
var (
	manyChanges = providerName != "hashivault" // in one commit; else 501
	hasHeads    = providerName != "memory"     // of the trail's chains; else 501
	ownTrail    = providerName != "hashivault" // a change is one entry; else also one that says "begun"
)

// realVault is one server for all tests. Each of their stores has a separate base path.
var (
	realVault *vaultserver.Server
	bases     atomic.Int64
)

func TestMain(m *testing.M) {
	code, err := runOver(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func runOver(m *testing.M) (code int, err error) {
	switch providerName {
	case "memory", "sqlite":
		return m.Run(), nil
	case "hashivault":
	default:
		return 1, fmt.Errorf("MYVAULT_TEST_PROVIDER is none of memory, sqlite and hashivault")
	}
	binary := os.Getenv("MYVAULT_VAULT_BIN")
	if binary == "" {
		return 1, fmt.Errorf("MYVAULT_VAULT_BIN names no Vault server; export MYVAULT_VAULT_BIN=$(bash .ci/vault)")
	}
	home, err := os.MkdirTemp("", "myvault-httpapi-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(home)
	if realVault, err = vaultserver.StartDev(binary, home); err != nil {
		return 1, err
	}
	defer realVault.Kill()
	return m.Run(), nil
}

// store is an empty one, with the trail beside it where it keeps none itself.
type store struct {
	myvault.Provider
	trail  myvault.Trail
	faults bool // it may answer what no store answers
}

// newStore makes one of the provider under test, which the vault over it closes.
func newStore(t testing.TB) store {
	t.Helper()
	var s store
	var err error
	keys := sqlite.StaticKey(crypto.NewKey())
	switch providerName {
	case "sqlite":
		s.Provider, err = sqlite.Open(t.Context(), t.TempDir(), keys, sqlite.Config{})
	case "hashivault":
		if s.trail, err = sqlite.OpenTrail(t.Context(), t.TempDir(), keys, sqlite.TrailConfig{}); err != nil {
			break
		}
		t.Cleanup(func() { _ = s.trail.(*sqlite.Trail).Close() }) // the vault closes it only if no fault wraps it
		s.Provider, err = hashivault.Open(t.Context(), hashivault.Config{
			Addresses: []string{realVault.Address}, Token: myvault.Text(realVault.Token),
			Base: fmt.Sprintf("httpapi/store-%d", bases.Add(1)),
		})
	default:
		s.Provider = memory.New(memory.Config{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// vault returns a vault over the store.
func (s store) vault(policy *myvault.Policy, reads myvault.Reads) (*myvault.Vault, error) {
	return myvault.New(s.Provider, policy, myvault.Config{Trail: s.trail, Reads: reads})
}
