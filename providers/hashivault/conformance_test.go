package hashivault_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/vaultserver"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
	"github.com/myswiftagent/myvault/providers/providertest"
)

// lacks are the capabilities that Vault does not have.
var lacks = []providertest.Capability{providertest.Snapshotter, providertest.Trail, providertest.Auditor, providertest.ManyChanges, providertest.EachCommit}

var bases atomic.Int64

// fresh returns a Config for an empty store on a server, with a separate base path.
func fresh(address, token string) hashivault.Config {
	return hashivault.Config{
		Addresses: []string{address}, Token: myvault.Text(token), Plaintext: true, // some servers in memory have names
		Base: fmt.Sprintf("team/store-%d", bases.Add(1)), WatchInterval: 50 * time.Millisecond,
	}
}

// stores returns the stores for the conformance suite.
func stores(address, token string) func(testing.TB) providertest.Store {
	return func(testing.TB) providertest.Store {
		config := fresh(address, token)
		config.MaxProjects = 20
		return providertest.Store{
			MaxProjects: config.MaxProjects,
			Open:        func(ctx context.Context) (myvault.Provider, error) { return hashivault.Open(ctx, config) },
		}
	}
}

func TestConformance(t *testing.T) {
	server := fakevault.New(t)
	providertest.Run(t, stores(server.Address, server.Token), lacks...)
}

func TestConformanceOnARealServer(t *testing.T) {
	server := vaultserver.Dev(t, vaultserver.Binary(t))
	providertest.Run(t, stores(server.Address, server.Token), lacks...)
}
