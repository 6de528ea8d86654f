//go:build unix

package hashivault_test

import (
	"os"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/internal/vaultserver"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

const (
	oneRequest = time.Second            // the timeout of one request to one node, for both clients
	warmUp     = 500 * time.Millisecond // load before each disturbance
	back       = time.Minute            // until service must be back
	wakes      = 30 * time.Second       // until a stopped node must take part again
)

// clusterKills is how many leaders are killed.
func clusterKills() int {
	if os.Getenv("MYVAULT_RELIABILITY") == "long" {
		return 5
	}
	return 2
}

// overCluster returns a vault over all nodes, with its trail on disk.
func overCluster(t *testing.T, c *vaultserver.Cluster) *myvault.Vault {
	t.Helper()
	is := is.New(t)
	policy, err := myvault.ParsePolicy(map[string]string{
		"ALLOWED_SERVICES": "newsbot", "TOKEN_newsbot": "a-token-for-the-test", "ALLOW_newsbot": "newsbot/",
	})
	is.NoErr(err)
	store, err := hashivault.Open(t.Context(), hashivault.Config{
		Addresses: c.Addresses(), Token: myvault.Text(c.Nodes[0].Token), Timeout: oneRequest,
	})
	is.NoErr(err)
	trail, err := sqlite.OpenTrail(t.Context(), t.TempDir(), sqlite.StaticKey(crypto.NewKey()), sqlite.TrailConfig{})
	is.NoErr(err)
	vault, err := myvault.New(store, policy, myvault.Config{Trail: trail})
	is.NoErr(err)
	t.Cleanup(func() { _ = vault.Close() })
	return vault
}

// TestAClusterUnderLoad: leaders die and hang. Acknowledged writes are kept, once; refused
// writes are not there; every error is one of the two that the contract allows; and service
// comes back. A bare client of Vault's own API writes at the same time. The log shows how long
// each was without service.
func TestAClusterUnderLoad(t *testing.T) {
	c := vaultserver.Raft(t, vaultserver.Binary(t))
	vault := overCluster(t, c)
	ours, bare := newOutages(), newOutages()
	load := startLoad(t, vault, ours)
	beside := startBare(t, c, bare)
	disturb := func(about string, begin, end func(node int)) {
		t.Helper()
		time.Sleep(warmUp)
		node := c.Leader(t)
		begin(node)
		ours.begin()
		bare.begin()
		a, b := ours.wait(t), bare.wait(t)
		t.Logf("%s: without service for %v, the bare client for %v", about, a.Round(time.Millisecond), b.Round(time.Millisecond))
		end(node)
		c.WaitVoters(t)
	}
	for range clusterKills() {
		disturb("kill -9", func(i int) { c.Nodes[i].Kill() }, func(i int) { c.Restart(t, i) })
	}
	disturb("SIGSTOP", func(i int) { c.Nodes[i].Stop(t) }, func(i int) {
		c.Nodes[i].Continue(t)
		if !c.VotersWithin(wakes) { // seen once: the deposed leader took no further part, and logged nothing
			t.Logf("Vault's node %d does not come to itself: it is started again", i)
			c.Nodes[i].Kill()
			c.Restart(t, i)
		}
	})
	time.Sleep(warmUp)
	writes := beside()
	load.stop()
	t.Logf("without service: median %v, worst %v; the bare client: median %v, worst %v, with %d writes",
		ours.median(), ours.worst(), bare.median(), bare.worst(), writes)
	load.check(t)
}
