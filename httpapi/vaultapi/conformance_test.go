package vaultapi_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/providertest"
)

// brokenClauses are the promises of a provider that providers/hashivault cannot keep if this
// server is its Vault.
var brokenClauses = map[string]string{
	"size/largest":            "the provider adds a name and base64 to a value, and this server takes 512 KiB",
	"archive/bytes":           "the provider adds a name and base64 to a value, and this server takes 512 KiB",
	"name/punctuation":        "the provider adds three segments to a path, and this server takes 8",
	"name/deepest":            "the provider adds three segments to a path, and this server takes 8",
	"archive/deleted":         "older versions cannot be read while the newest one is deleted",
	"archive/infos":           "older versions cannot be read while the newest one is deleted",
	"archive/undeleted":       "older versions cannot be read while the newest one is deleted",
	"archive/changes-nothing": "older versions cannot be read while the newest one is deleted",
}

// TestConformance runs the suite of all providers on providers/hashivault, over this server.
func TestConformance(t *testing.T) {
	f := newFixture(t)
	var bases atomic.Int64
	lacks := []providertest.Capability{ // as the provider without this server: a poll has no commits between two polls
		providertest.Snapshotter, providertest.Trail, providertest.Auditor, providertest.ManyChanges, providertest.EachCommit,
	}
	newStore := func() providertest.Store {
		config := hashivault.Config{
			Addresses: []string{f.url}, Token: myvault.Text(token("admin")), Base: fmt.Sprintf("team/store-%d", bases.Add(1)),
			MaxProjects: 20, WatchInterval: 50 * time.Millisecond,
		}
		return providertest.Store{
			MaxProjects: config.MaxProjects,
			Open:        func(ctx context.Context) (myvault.Provider, error) { return hashivault.Open(ctx, config) },
		}
	}
	checked := 0
	for _, c := range providertest.Clauses() {
		if slices.ContainsFunc(c.Needs, func(n providertest.Capability) bool { return slices.Contains(lacks, n) }) {
			continue
		}
		checked++
		t.Run(c.Name, func(t *testing.T) {
			is := is.New(t)
			err := c.Check(t.Context(), newStore())
			if reason, broken := brokenClauses[c.Name]; broken {
				is.True(err != nil) // the clause holds now: remove it from the list
				t.Logf("%s: %v", reason, err)
				return
			}
			is.NoErr(err) // the promise is broken
		})
	}
	t.Logf("%d clauses, %d of them broken", checked, len(brokenClauses))
}
