package scenarios_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/bench/scenarios"
)

// asChild makes the test binary run as a child process.
const asChild = "child"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asChild {
		if err := scenarios.Child(os.Args[2:], os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// tiny returns options for the shortest possible run.
func tiny(t *testing.T, names ...string) scenarios.Options {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return scenarios.Options{
		Rounds: 2, Slice: time.Millisecond, Sizes: []int{200, 100}, Scenarios: names, Dir: t.TempDir(),
		Program: []string{self, asChild}, Command: "go run . -tiny", Log: t.Logf,
		Vault: os.Getenv("MYVAULT_VAULT_BIN"),
	}
}

// TestEveryRow runs all scenarios as briefly as possible. It checks that every row has figures, and
// ignores their size.
func TestEveryRow(t *testing.T) {
	is := is.New(t)
	o := tiny(t)
	report, err := scenarios.Run(t.Context(), o)
	is.NoErr(err)
	found := make(map[string]int)
	var gotGoals []string
	for _, table := range report.Tables {
		is.True(len(table.Rows) > 0)
		for _, row := range table.Rows {
			found[table.Scenario+": "+row.What]++
			if row.Goal.Text != "" {
				gotGoals = append(gotGoals, row.Goal.Text)
			}
			if !complete(table.Scenario, row) {
				t.Errorf("%s: %s: figures %v, ratios %v", table.Scenario, row.What, row.Figure, row.Ratio)
			}
		}
	}
	for _, want := range wantedRows() {
		if found[want] == 0 {
			t.Errorf("no row %q", want)
		}
	}
	if o.Vault == "" {
		is.Equal(gotGoals, goals)
	} else {
		is.Equal(gotGoals, append(slices.Clone(goals), goalsOverVault...))
	}
	left, err := os.ReadDir(o.Dir)
	is.NoErr(err)
	is.Equal(len(left), 0) // the stores are removed
	text := report.Markdown()
	is.True(strings.Contains(text, "`go run . -tiny`"))
	is.True(!strings.Contains(text, o.Dir)) // no path of the machine
	is.True(!strings.Contains(text, "NaN") && !strings.Contains(text, "Inf"))
}

// complete reports whether a row has a figure for every round, and a ratio if it compares. Disk
// sizes are measured once. Allocations may be 0.
func complete(scenario string, row scenarios.Row) bool {
	rounds := 2
	if scenario == "disk" {
		rounds = 1
	}
	ok := func(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) && x >= 0 }
	if len(row.Figure) != rounds || !slices.ContainsFunc(row.Figure, ok) {
		return false
	}
	positive := slices.Min(row.Figure) > 0 || strings.HasPrefix(row.What, "allocations")
	if row.Against == "" {
		return positive
	}
	return positive && len(row.Ratio) == rounds && slices.Min(row.Ratio) > 0
}

// wantedRows returns the rows that the tables must have.
func wantedRows() []string {
	var rows []string
	add := func(scenario string, whats ...string) {
		for _, what := range whats {
			rows = append(rows, scenario+": "+what)
		}
	}
	for _, name := range []string{"myVault, reads off", "myVault, reads relaxed", "myVault, reads relaxed, of a tenth", "myVault in memory, reads off", "bare map + AES-GCM",
		"bbolt + AES-GCM", "badger, encrypted", "setec's db, no trail", "bare AES-GCM open"} {
		add("read", name, name+", 2 callers")
	}
	stores := []string{"myVault", "bbolt + AES-GCM", "badger, encrypted", "setec's db"}
	for _, name := range append([]string{"myVault in memory"}, stores...) {
		add("strict", name+", one caller", name+", one caller, p50", name+", one caller, p99", name+", beside 16 writers, p99", name+", 64 callers")
	}
	for _, name := range stores[:3] {
		add("write", name+", 1 caller", name+", 64 callers", name+", 256 callers")
	}
	add("write", "setec's db", "the disk: append + fdatasync", "the disk: overwrite + fdatasync",
		"SQLite alone, sync off, batches of 64", "SQLite alone, sync off, batches of 256")
	for _, mode := range []string{"off", "relaxed", "strict"} {
		add("http", "myVault, "+mode, "myVault in memory, "+mode)
	}
	add("http", "bare handler")
	for _, name := range stores {
		add("open", name+", closed cleanly", name+", after a crash")
		add("disk", name)
		if _, err := os.Stat("/proc/self/status"); err == nil {
			add("memory", name, name+", private")
		}
	}
	add("page", "myVault, strict", "myVault, not recorded", "bbolt + AES-GCM", "badger, encrypted")
	add("watch", "64 readers, p99", "64 readers beside 1,000 watches, p99", "64 readers beside 1,000 watches of 10 changes a second, p99", "a watch",
		"an idle connection", "from the commit to the event of one watch, slowest of 20", "from the commit to the last event of 1,000 watches, slowest of 5")
	add("policy", "a decision, 2 rules", "a decision, 1,000 rules", "allocations of a decision, 1,000 rules")
	return rows
}

// goals are the goals of all rows, in the order of the tables.
var goals = []string{
	"at most 4x a bare open", "at most 4x a bare open", "at most 1.5x a bare open",
	"at least 1.6x one caller", "at least 1.6x one caller",
	"at most 20 us", "at most 150 us", "at least 200,000 a second",
	"at least 0.8x the disk", "at least 20x one caller", "or at least 0.5x the engine", "at least 50x one caller", "or at least 0.5x the engine",
	"at least 0.75x a bare handler", "at least 0.55x a bare handler", "at least 0.75x a bare handler", "at least 0.55x a bare handler",
	"under 5 ms", "under 50 ms", "under 5 ms", "under 50 ms", "flat: at most 1.5x", "flat: at most 1.5x",
	"under 64 MiB",
	"flat: at most 1.5x",
	"at most 150 ns", "none", "at most 300 ns", "none",
	"within 50 ms",
}

// goalsOverVault are present only if there is a Vault to compare with.
var goalsOverVault = []string{
	"at least 0.7x Vault itself", "at least 0.7x Vault itself", "at least 0.5x Vault itself",
	"at least 0.7x Vault itself", "at least 0.7x Vault itself", "at least 0.5x Vault itself",
}

func TestRunRejectsBadOptions(t *testing.T) {
	for name, change := range map[string]func(*scenarios.Options){
		"an unknown scenario": func(o *scenarios.Options) { o.Scenarios = []string{"speed"} },
		"no rounds":           func(o *scenarios.Options) { o.Rounds = 0 },
		"no time":             func(o *scenarios.Options) { o.Slice = 0 },
		"no sizes":            func(o *scenarios.Options) { o.Sizes = nil },
		"too few secrets":     func(o *scenarios.Options) { o.Sizes = []int{99} },
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			o := tiny(t, "policy")
			change(&o)
			_, err := scenarios.Run(t.Context(), o)
			is.True(err != nil)
		})
	}
}

func TestWriteReplacesTheTextBetweenTheMarkers(t *testing.T) {
	is := is.New(t)
	file := filepath.Join(t.TempDir(), "page.md")
	report := &scenarios.Report{Machine: "- a machine\n"}
	is.NoErr(os.WriteFile(file, []byte("head\n<!-- benchmarks -->\nold\n<!-- /benchmarks -->\ntail\n"), 0o600))
	is.NoErr(report.Write(file))
	is.NoErr(report.Write(file)) // again
	text, err := os.ReadFile(file)
	is.NoErr(err)
	is.Equal(string(text), "head\n<!-- benchmarks -->\n"+report.Markdown()+"<!-- /benchmarks -->\ntail\n")
	is.NoErr(os.WriteFile(file, []byte("no markers\n"), 0o600))
	is.True(report.Write(file) != nil)
}

func TestChildRejectsBadArguments(t *testing.T) {
	for _, args := range [][]string{{}, {"read", "none", "-", "many", "1s"}, {"read", "none", "-", "100", "long"},
		{"read", "no such engine", "-", "100", "1s"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			is := is.New(t)
			is.True(scenarios.Child(args, strings.NewReader(""), &strings.Builder{}) != nil)
		})
	}
}
