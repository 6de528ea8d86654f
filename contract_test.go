package myvault_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/internal/listing"
	"github.com/myswiftagent/myvault/providers/providertest"
)

//go:generate go test . ./httpapi -count=1 -run TestAPIListing|TestRights|TestErrorTexts|TestProblemTexts|TestContractCounts -update

// TestContractCounts holds the numbers in docs/contract.md; -update writes them.
func TestContractCounts(t *testing.T) {
	is := is.New(t)
	clauses, broken, vectors, routes := len(providertest.Clauses()), brokenProviders(t), vectorCount(t), len(httpapi.Routes())
	is.True(clauses >= 100 && broken >= 15 && vectors >= 60 && routes >= 24)
	listing.Check(t, "docs/contract.md", "counts", strings.Join([]string{
		"| what | number |",
		"| --- | --- |",
		fmt.Sprintf("| clauses of the provider contract | %d |", clauses),
		fmt.Sprintf("| deliberately broken providers, each caught by the clause that names it | %d |", broken),
		fmt.Sprintf("| vectors of the format, with their outcomes | %d |", vectors),
		fmt.Sprintf("| routes, each with its rights allowed and denied | %d |", routes),
		fmt.Sprintf("| session methods, each with its rights allowed and denied | %d |", len(rightsOf)),
	}, "\n"), *update)
}

// brokenProviders counts the elements of the lists that TestBrokenProviders runs.
func brokenProviders(t *testing.T) (n int) {
	t.Helper()
	files, err := filepath.Glob("providers/providertest/broken_*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			d, ok := decl.(*ast.GenDecl)
			if !ok || d.Tok != token.VAR {
				continue
			}
			for _, spec := range d.Specs {
				v := spec.(*ast.ValueSpec)
				if list, ok := v.Values[0].(*ast.CompositeLit); ok && strings.HasPrefix(v.Names[0].Name, "broken") {
					n += len(list.Elts)
				}
			}
		}
	}
	return n
}

func vectorCount(t *testing.T) (n int) {
	t.Helper()
	text, err := os.ReadFile("crypto/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var groups map[string][]json.RawMessage
	if err := json.Unmarshal(text, &groups); err != nil {
		t.Fatal(err)
	}
	for _, group := range groups {
		n += len(group)
	}
	return n
}
