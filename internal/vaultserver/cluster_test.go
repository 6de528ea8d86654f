package vaultserver_test

import (
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/vaultserver"
)

// TestRaft: after the leader was killed and restarted, each node has its acknowledged writes.
func TestRaft(t *testing.T) {
	is := is.New(t)
	c := vaultserver.Raft(t, vaultserver.Binary(t))
	is.Equal(len(c.Addresses()), 3)
	first := c.Leader(t)
	c.Nodes[first].Must(t, "POST", "secret/data/a", `{"data":{"value":"1"}}`)
	c.Nodes[first].Kill()
	c.Restart(t, first)
	c.WaitVoters(t)
	for _, node := range c.Nodes {
		is.True(len(node.Must(t, "GET", "secret/data/a", "")) > 0)
	}
}
