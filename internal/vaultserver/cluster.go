package vaultserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// Cluster is three servers with one raft log on disk. A node that was killed can be started
// again.
type Cluster struct {
	Nodes []*Server
	key   string // unseals each node
}

const (
	clusterSize     = 3
	clusterPatience = 90 * time.Second
	pollPause       = 100 * time.Millisecond
	lag             = 200 // log entries that a node may be behind the leader
)

// Raft starts a cluster on free ports of 127.0.0.1, with a KV version 2 engine at "secret" that
// keeps 100,000 versions, and waits until all three nodes vote. It ends with the test.
func Raft(t testing.TB, binary string) *Cluster {
	t.Helper()
	c := &Cluster{}
	for range clusterSize {
		c.Nodes = append(c.Nodes, &Server{Address: "http://" + FreeAddress(t), home: t.TempDir()})
	}
	for i, node := range c.Nodes {
		node.command = []string{binary, "server", "-config=" + c.configure(t, i)}
		if err := node.start(); err != nil {
			t.Fatal(err)
		}
		node.endsWith(t)
	}
	c.initialize(t)
	for i := range c.Nodes {
		c.unseal(t, i)
	}
	c.settings(t)
	c.WaitVoters(t)
	return c
}

// configure writes the configuration of a node. A low multiplier makes elections fast, as
// Vault's documentation advises for production (storage/raft, performance_multiplier).
func (c *Cluster) configure(t testing.TB, i int) string {
	t.Helper()
	node := c.Nodes[i]
	data := filepath.Join(node.home, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	listen, peers := strings.TrimPrefix(node.Address, "http://"), FreeAddress(t)
	var b strings.Builder
	fmt.Fprintf(&b, "disable_mlock = true\napi_addr = %q\ncluster_addr = %q\n", node.Address, "https://"+peers)
	fmt.Fprintf(&b, "listener \"tcp\" {\n address = %q\n cluster_address = %q\n tls_disable = true\n}\n", listen, peers)
	fmt.Fprintf(&b, "storage \"raft\" {\n path = %q\n node_id = \"node-%d\"\n performance_multiplier = 1\n", data, i)
	for _, other := range c.Nodes {
		if other != node {
			fmt.Fprintf(&b, " retry_join {\n  leader_api_addr = %q\n }\n", other.Address)
		}
	}
	b.WriteString("}\n")
	file := filepath.Join(node.home, "vault.hcl")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// initialize makes the first node a cluster of one. The others join it.
func (c *Cluster) initialize(t testing.TB) {
	t.Helper()
	var made struct {
		Keys []string `json:"keys_base64"`
		Root string   `json:"root_token"`
	}
	text := c.Nodes[0].Must(t, http.MethodPost, "sys/init", `{"secret_shares":1,"secret_threshold":1}`)
	if err := json.Unmarshal([]byte(text), &made); err != nil || len(made.Keys) != 1 {
		t.Fatal("vaultserver: the answer to sys/init is not understood")
	}
	c.key = made.Keys[0]
	for _, node := range c.Nodes {
		node.Token = made.Root
	}
}

// unseal repeats itself: a node that has not joined yet accepts the key and stays sealed.
func (c *Cluster) unseal(t testing.TB, i int) {
	t.Helper()
	c.wait(t, fmt.Sprintf("node %d is unsealed", i), func() bool {
		_, _, _ = c.Nodes[i].Ask(http.MethodPost, "sys/unseal", fmt.Sprintf(`{"key":%q}`, c.key))
		status, _, err := c.Nodes[i].Ask(http.MethodGet, "sys/health?standbyok=true", "")
		return err == nil && status == http.StatusOK
	})
}

// settings mounts the KV engine, and makes nodes voters soon after they have joined.
func (c *Cluster) settings(t testing.TB) {
	t.Helper()
	first := c.Nodes[0]
	first.Must(t, http.MethodPost, "sys/storage/raft/autopilot/configuration", `{"server_stabilization_time":"1s"}`)
	first.Must(t, http.MethodPost, "sys/mounts/secret", `{"type":"kv","options":{"version":"2"}}`)
	c.wait(t, "the KV engine is ready", func() bool { // it answers 400 while it prepares its storage
		status, _, err := first.Ask(http.MethodPost, "secret/config", `{"max_versions":100000}`)
		return err == nil && status < http.StatusMultipleChoices
	})
}

// wait fails the test if done does not report true in time, and logs the last answer of each
// node.
func (c *Cluster) wait(t testing.TB, what string, done func() bool) {
	t.Helper()
	if within(clusterPatience, done) {
		return
	}
	for i, node := range c.Nodes {
		status, text, err := node.Ask(http.MethodGet, "sys/leader", "")
		t.Logf("node %d: %d, %v, %s", i, status, err, text)
	}
	t.Fatalf("vaultserver: waited %v in vain until %s", clusterPatience, what)
}

// within calls done until it reports true. It reports false if patience ends first.
func within(patience time.Duration, done func() bool) bool {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(pollPause) {
		if done() {
			return true
		}
	}
	return false
}

// Addresses returns the base URLs of all nodes.
func (c *Cluster) Addresses() (all []string) {
	for _, node := range c.Nodes {
		all = append(all, node.Address)
	}
	return all
}

// Restart starts a node that was killed and unseals it.
func (c *Cluster) Restart(t testing.TB, i int) {
	t.Helper()
	if err := c.Nodes[i].start(); err != nil {
		t.Fatal(err)
	}
	c.unseal(t, i)
}

// WaitVoters waits until all nodes answer, agree on the leader, are about as far as it is, and
// have a vote. Before that, a cluster that loses its leader may never elect another.
func (c *Cluster) WaitVoters(t testing.TB) {
	t.Helper()
	c.wait(t, "three nodes vote", c.voting)
}

// VotersWithin reports whether the conditions of WaitVoters are met in time.
func (c *Cluster) VotersWithin(patience time.Duration) bool { return within(patience, c.voting) }

func (c *Cluster) voting() bool {
	leader, agreed := c.leader()
	return agreed && c.Nodes[leader].voters() == clusterSize
}

// Leader waits until the nodes agree on the leader, and returns it.
func (c *Cluster) Leader(t testing.TB) (i int) {
	t.Helper()
	c.wait(t, "there is a leader", func() (agreed bool) {
		i, agreed = c.leader()
		return agreed
	})
	return i
}

// leaderStatus is the answer of a node about the leader and itself.
type leaderStatus struct {
	Self   bool   `json:"is_self"`
	Leader string `json:"leader_address"`
	Index  uint64 `json:"raft_committed_index"`
}

// leader returns the node that all nodes consider the leader, if none of them is far behind it.
func (c *Cluster) leader() (index int, agreed bool) {
	all := make([]leaderStatus, len(c.Nodes))
	for i, node := range c.Nodes {
		status, text, err := node.Ask(http.MethodGet, "sys/leader", "")
		if err != nil || status != http.StatusOK || json.Unmarshal([]byte(text), &all[i]) != nil {
			return 0, false
		}
	}
	index = slices.IndexFunc(all, func(s leaderStatus) bool { return s.Self })
	if index < 0 {
		return 0, false
	}
	for i, s := range all {
		if s.Leader != c.Nodes[index].Address || s.Self != (i == index) || s.Index+lag < all[index].Index {
			return 0, false
		}
	}
	return index, true
}

// voters returns the number of nodes that have a vote. Autopilot's health is not used: under
// load it is seconds old.
func (s *Server) voters() (n int) {
	var says struct {
		Data struct {
			Config struct {
				Servers []struct {
					Voter bool `json:"voter"`
				} `json:"servers"`
			} `json:"config"`
		} `json:"data"`
	}
	status, text, err := s.Ask(http.MethodGet, "sys/storage/raft/configuration", "")
	if err != nil || status != http.StatusOK || json.Unmarshal([]byte(text), &says) != nil {
		return 0
	}
	for _, server := range says.Data.Config.Servers {
		if server.Voter {
			n++
		}
	}
	return n
}
