// Package themes measures what the vault is to reach, a table for each theme, beside the
// stores of package peers: all of it in one process and one run, in turn.
package themes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Options say how much is measured.
type Options struct {
	Rounds  int           // how often each contestant's turn comes
	Slice   time.Duration // how long one measurement takes
	Sizes   []int         // numbers of secrets, in rising order
	Rows    []string      // names of themes; none: all
	Dir     string        // where the stores are made, below a directory that is removed again
	Program []string      // the command that runs [Child]
	Command string        // what was typed, for the report
	Vault   string        // the program of a HashiCorp Vault server; empty: what needs one is left out
	Log     func(format string, args ...any)
}

// theme makes tables.
type theme struct {
	name    string
	measure func(*run) ([]Table, error)
}

func all() []theme {
	return []theme{
		{"read", readTables}, {"strict", strictTables}, {"write", writeTables}, {"http", httpTables}, {"open", openTables},
		{"memory", memoryTables}, {"disk", diskTables}, {"page", pageTables}, {"policy", policyTables},
		{"vault", vaultTables},
	}
}

// Names gives the names of the themes.
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
	ctx   context.Context // of the call of Run, which this is a part of
	dir   string
	stock stock
}

// Run measures. It removes what it made.
func Run(ctx context.Context, o Options) (_ *Report, err error) {
	for _, name := range o.Rows {
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("themes: there is no %q; there are %s", name, strings.Join(Names(), ", "))
		}
	}
	if o.Rounds < 1 || o.Slice <= 0 || len(o.Sizes) == 0 || slices.Min(o.Sizes) < smallest {
		return nil, fmt.Errorf("themes: there must be rounds, time, and sizes of %d and more", smallest)
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
		if len(o.Rows) > 0 && !slices.Contains(o.Rows, t.name) {
			continue
		}
		o.Log("%s", t.name)
		tables, err := t.measure(r)
		if err != nil {
			return nil, fmt.Errorf("themes: %s: %w", t.name, err)
		}
		for i := range tables {
			tables[i].Theme = t.name
		}
		report.Tables = append(report.Tables, tables...)
	}
	return report, nil
}

// smallest is the fewest secrets that fill a page.
const smallest = 100

// main is the number of secrets that most of what is to be reached speaks of.
func (r *run) main() int {
	if slices.Contains(r.Sizes, 10_000) {
		return 10_000
	}
	return slices.Max(r.Sizes)
}

// largest is up to where peers are measured; beyond, only myVault is.
const largest = 100_000

// temporary makes a directory for a store.
func (r *run) temporary() (string, error) { return os.MkdirTemp(r.dir, "store-") }
