package myvault_test

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/matryer/is"
)

var update = flag.Bool("update", false, "write the committed listings anew")

const apiListing = "docs/api.txt"

// TestAPIListing holds the exported surface of the root against docs/api.txt, so that a
// break is a decision. After one: go test . -run TestAPIListing -update and a line in CHANGELOG.md.
func TestAPIListing(t *testing.T) {
	is := is.New(t)
	got := strings.Join(exported(t), "\n") + "\n"
	if *update {
		is.NoErr(os.WriteFile(apiListing, []byte(got), 0o644))
	}
	want, err := os.ReadFile(apiListing)
	is.NoErr(err)
	if got == string(want) {
		return
	}
	t.Errorf("the exported surface is not that of %s; if that is meant: go test . -run TestAPIListing -update", apiListing)
	was, now := strings.Split(string(want), "\n"), strings.Split(got, "\n")
	for _, line := range was {
		if !slices.Contains(now, line) {
			t.Errorf("- %s", line)
		}
	}
	for _, line := range now {
		if !slices.Contains(was, line) {
			t.Errorf("+ %s", line)
		}
	}
}

// exported returns a sorted line for each exported declaration of the root package.
func exported(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	var lines []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.FileExports(file)
		for _, decl := range file.Decls {
			lines = append(lines, declared(t, set, decl)...)
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// declared returns a declaration on one line, and a group with a line for each member.
func declared(t *testing.T, set *token.FileSet, decl ast.Decl) []string {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		d.Body = nil
		return []string{oneLine(t, set, d)}
	case *ast.GenDecl:
		var lines []string
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.ValueSpec:
				for _, name := range s.Names {
					lines = append(lines, fmt.Sprintf("%s %s", d.Tok, name.Name))
				}
			case *ast.TypeSpec:
				lines = append(lines, "type "+oneLine(t, set, s))
			}
		}
		return lines
	}
	return nil
}

func oneLine(t *testing.T, set *token.FileSet, node any) string {
	t.Helper()
	var text bytes.Buffer
	if err := printer.Fprint(&text, set, node); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(text.String()), "\n")
	for i := range lines {
		lines[i] = strings.Join(strings.Fields(lines[i]), " ")
	}
	return strings.Join(slices.DeleteFunc(lines, func(s string) bool { return s == "" }), "; ")
}
