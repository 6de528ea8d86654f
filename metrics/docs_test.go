package metrics_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/matryer/is"
)

// TestMetricsAreDocumented: docs/operate.md names what GET /metrics gives, and nothing else.
func TestMetricsAreDocumented(t *testing.T) {
	is := is.New(t)
	r := newRig(t, openStore(t))
	is.Equal(r.ask("GET", "/health", "", ""), 200) // what counts requests is there once one was counted
	given := make(map[string]bool)
	for line := range lines(r.exposition(), "# TYPE ") {
		given[strings.Fields(line)[2]] = true
	}
	for _, name := range measuresOfVault(t) {
		given["myvault_"+name] = true
	}
	is.Equal(sorted(documented(t)), sorted(given))
}

func sorted(names map[string]bool) []string { return slices.Sorted(maps.Keys(names)) }

// measuresOfVault reads the names in the source: a provider of HashiCorp Vault needs a server.
func measuresOfVault(t *testing.T) (names []string) {
	t.Helper()
	source, err := os.ReadFile("../providers/hashivault/stats.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile(`Name: "(vault_[a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
		names = append(names, found[1])
	}
	if len(names) < 5 {
		t.Fatalf("only %q found", names)
	}
	return names
}

// documented gives the names in the table. One that begins with _ goes on from the first two words of the row's first name.
func documented(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../docs/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, found := strings.Cut(string(text), "\n## Metrics\n")
	if !found {
		t.Fatal("docs/operate.md has no part about metrics")
	}
	names := make(map[string]bool)
	for row := range lines(part, "| `") {
		first := ""
		cell, _, _ := strings.Cut(row[1:], "|")
		for _, name := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(cell, -1) {
			if strings.HasPrefix(name[1], "_") {
				names[first+name[1]] = true
				continue
			}
			names[name[1]] = true
			words := strings.Split(name[1], "_")
			first = strings.Join(words[:2], "_")
		}
	}
	return names
}
