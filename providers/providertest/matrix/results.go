package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault/providers/providertest"
)

// results maps providers to clauses to the text in the table.
type results map[string]map[string]string

// event is what go test -json writes (see go doc test2json).
type event struct{ Action, Package, Test, Output string }

// read parses the events of the conformance tests. It returns an error if a package failed before
// its first clause, because its column would be missing.
func read(events io.Reader) (results, error) {
	all := results{}
	lacks := map[string]string{} // by package and test
	var build strings.Builder
	for d := json.NewDecoder(events); ; {
		var e event
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("reading the events of go test: %w", err)
		}
		provider := path.Base(e.Package)
		clause, isClause := strings.CutPrefix(e.Test, "TestConformance/")
		switch {
		case e.Action == "build-output":
			build.WriteString(e.Output)
		case e.Action == "fail" && e.Test == "" && all[provider] == nil:
			return nil, fmt.Errorf("%s failed before its first clause\n%s", e.Package, &build)
		case isClause:
			all.add(provider, clause, e, lacks)
		}
	}
}

// add adds an event of a clause.
func (r results) add(provider, clause string, e event, lacks map[string]string) {
	switch test := e.Package + " " + clause; e.Action {
	case "output":
		if _, what, found := strings.Cut(e.Output, ": lacks "); found {
			lacks[test] = "lacks " + strings.TrimSpace(what)
		}
	case "pass":
		r.set(provider, clause, cmp.Or(lacks[test], "kept"))
	case "fail":
		r.set(provider, clause, "**broken**")
	}
}

func (r results) set(provider, clause, word string) {
	if r[provider] == nil {
		r[provider] = map[string]string{}
	}
	r[provider][clause] = word
}

// providers returns the names of the providers, sorted.
func (r results) providers() []string { return slices.Sorted(maps.Keys(r)) }

// table returns the counts of each provider and a row for each clause.
func (r results) table(clauses []providertest.Clause) string {
	var counts, rows strings.Builder
	fmt.Fprintf(&counts, "%d clauses.\n", len(clauses))
	for _, provider := range r.providers() {
		fmt.Fprintf(&counts, "%s\n", r.count(provider, clauses))
	}
	rows.WriteString("\n| clause | promise |")
	rule := "\n| --- | --- |"
	for _, provider := range r.providers() {
		fmt.Fprintf(&rows, " %s |", provider)
		rule += " --- |"
	}
	rows.WriteString(rule + "\n")
	for _, c := range clauses {
		fmt.Fprintf(&rows, "| `%s` | %s |", c.Name, c.Promise)
		for _, provider := range r.providers() {
			fmt.Fprintf(&rows, " %s |", r.word(provider, c.Name))
		}
		rows.WriteByte('\n')
	}
	return counts.String() + rows.String()
}

// word returns the text in the table for a clause.
func (r results) word(provider, clause string) string {
	if word := r[provider][clause]; word != "" {
		return word
	}
	return "**not run**"
}

// count returns a line such as "- memory: 280 kept, 7 lacks Persistent".
func (r results) count(provider string, clauses []providertest.Clause) string {
	n := map[string]int{}
	for _, c := range clauses {
		n[r.word(provider, c.Name)]++
	}
	var parts []string
	for _, word := range slices.Sorted(maps.Keys(n)) {
		parts = append(parts, fmt.Sprintf("%d %s", n[word], word))
	}
	line := "- " + provider + ": " + strings.Join(parts, ", ")
	if cut := strings.LastIndex(line, ", "); len(line) > 100 {
		line = line[:cut+1] + "\n  " + line[cut+2:]
	}
	return line
}
