// Package scenarios measures myVault against the stores of package peers, all in one process. Each
// scenario produces one or more tables, whose rows may have goals.
package scenarios

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Options configures a run.
type Options struct {
	Rounds    int           // measured rounds
	Slice     time.Duration // duration of one measurement
	Sizes     []int         // numbers of secrets
	Scenarios []string      // names of the scenarios to run; empty runs all
	Dir       string        // where to create the stores; they are removed at the end
	Program   []string      // the command that runs [Child]
	Command   string        // the command line, for the report
	Vault     string        // the binary of HashiCorp Vault; empty skips the scenario that needs it
	Log       func(format string, args ...any)
}

type scenario struct {
	name    string
	measure func(*run) ([]Table, error)
}

func all() []scenario {
	return []scenario{
		{"read", readTables}, {"strict", strictTables}, {"write", writeTables}, {"http", httpTables}, {"open", openTables},
		{"memory", memoryTables}, {"disk", diskTables}, {"page", pageTables}, {"policy", policyTables},
		{"watch", watchTables}, {"vault", vaultTables},
	}
}

// Names returns the names of the scenarios.
func Names() []string {
	var names []string
	for _, t := range all() {
		names = append(names, t.name)
	}
	return names
}

// run is one run of the program.
type run struct {
	Options
	ctx    context.Context // the context of Run
	dir    string
	stores storeCache
}

// Run runs the scenarios. It removes the stores that it created.
func Run(ctx context.Context, o Options) (_ *Report, err error) {
	for _, name := range o.Scenarios {
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("scenarios: no scenario %q; choose from %s", name, strings.Join(Names(), ", "))
		}
	}
	if o.Rounds < 1 || o.Slice <= 0 || len(o.Sizes) == 0 || slices.Min(o.Sizes) < minSize {
		return nil, fmt.Errorf("scenarios: want at least one round, a positive time, and sizes of at least %d", minSize)
	}
	o.Sizes = slices.Compact(slices.Sorted(slices.Values(o.Sizes)))
	dir, err := os.MkdirTemp(o.Dir, "myvault-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r := &run{Options: o, ctx: ctx, dir: dir}
	report := &Report{Machine: describe(o, dir)}
	for _, t := range all() {
		if len(o.Scenarios) > 0 && !slices.Contains(o.Scenarios, t.name) {
			continue
		}
		o.Log("%s", t.name)
		tables, err := t.measure(r)
		if err != nil {
			return nil, fmt.Errorf("scenarios: %s: %w", t.name, err)
		}
		for i := range tables {
			tables[i].Scenario = t.name
		}
		report.Tables = append(report.Tables, tables...)
	}
	return report, nil
}

// minSize is the smallest store that fills a page.
const minSize = 100

// mainSize is the number of secrets that most goals refer to.
func (r *run) mainSize() int {
	if slices.Contains(r.Sizes, 10_000) {
		return 10_000
	}
	return slices.Max(r.Sizes)
}

// peerLimit is the largest number of secrets for which the peers are measured.
const peerLimit = 100_000

// tempDir creates a directory for a store.
func (r *run) tempDir() (string, error) { return os.MkdirTemp(r.dir, "store-") }
