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

// The first table of docs/operate.md lists exactly the metrics of this package and of its sources.
func TestMetricsAreDocumented(t *testing.T) {
	is := is.New(t)
	r := newRig(t, openStore(t))
	is.Equal(r.ask("GET", "/health", "", ""), 200) // request metrics appear after the first request
	exposed := make(map[string]bool)
	for line := range lines(r.exposition(), "# TYPE ") {
		exposed[strings.Fields(line)[2]] = true
	}
	for _, name := range hashivaultMetrics(t) {
		exposed["myvault_"+name] = true
	}
	is.Equal(sorted(documented(t)), sorted(exposed))
}

func sorted(names map[string]bool) []string { return slices.Sorted(maps.Keys(names)) }

// hashivaultMetrics reads the names from the source, because the provider needs a server.
func hashivaultMetrics(t *testing.T) (names []string) {
	t.Helper()
	source, err := os.ReadFile("../providers/hashivault/stats.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile(`Name: "(vault_[a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
		names = append(names, found[1])
	}
	if len(names) < 5 {
		t.Fatalf("found only %q", names)
	}
	return names
}

// documented returns the names in the table. A name that begins with _ replaces all but the first
// two words of the first name in its row.
func documented(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../docs/operate.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, found := strings.Cut(string(text), "\n## Metrics\n")
	if !found {
		t.Fatal("docs/operate.md has no section on metrics")
	}
	part, _, found = strings.Cut(part, "\nThe server adds these:\n")
	if !found {
		t.Fatal("docs/operate.md has no table of the server's metrics")
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
