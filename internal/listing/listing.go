// Package listing is for tests that hold a committed table or the package's own source
// against what they find.
package listing

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Hold compares what was found with the part of a document between the lines <!-- name -->
// and <!-- /name -->; with write, it puts it there.
func Hold(t *testing.T, path, name, found string, write bool) {
	t.Helper()
	begin, end := "<!-- "+name+" -->\n", "\n<!-- /"+name+" -->"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	stands, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no markers %s", path, begin)
	}
	if write {
		if err := os.WriteFile(path, []byte(before+begin+found+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if stands != found {
		t.Errorf("%s is out of date; go generate ./... writes it anew. Found:\n%s", path, found)
	}
}

// Inspect calls visit for every node of the package in the working directory and of those in
// further ones, except their tests. where is the position of the node.
func Inspect(t *testing.T, visit func(where string, n ast.Node), further ...string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	for _, dir := range further {
		more, wrong := filepath.Glob(filepath.Join(dir, "*.go"))
		files, err = append(files, more...), errors.Join(err, wrong)
	}
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if n != nil {
				visit(set.Position(n.Pos()).String(), n)
			}
			return true
		})
	}
}
