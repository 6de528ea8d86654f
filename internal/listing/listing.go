// Package listing is for tests that compare generated listings with the documents that contain
// them, or that inspect the source of their package.
package listing

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Check compares want with the part of a document between the lines <!-- name --> and
// <!-- /name -->. If update is set, it writes want there instead.
func Check(t *testing.T, path, name, want string, update bool) {
	t.Helper()
	begin, end := "<!-- "+name+" -->\n", "\n<!-- /"+name+" -->"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	got, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no markers %s", path, begin)
	}
	if update {
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("%s is out of date: run go generate ./... Want:\n%s", path, want)
	}
}

// Inspect calls visit for every node of the package in the working directory and of those in
// further folders, without their tests. position is the file, line and column of the node.
func Inspect(t *testing.T, visit func(position string, n ast.Node), folders ...string) {
	t.Helper()
	var files []string
	for _, folder := range append([]string{"."}, folders...) {
		found, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
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

// ErrorTexts returns the texts that the package in the working directory and those in further
// folders pass to fmt.Errorf and errors.New, by position.
func ErrorTexts(t *testing.T, folders ...string) map[string]string {
	t.Helper()
	functions := []string{"&{fmt Errorf}", "&{errors New}"}
	texts := make(map[string]string)
	Inspect(t, func(where string, n ast.Node) {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 || !slices.Contains(functions, fmt.Sprint(call.Fun)) {
			return
		}
		literal, ok := call.Args[0].(*ast.BasicLit)
		if !ok {
			return
		}
		text, err := strconv.Unquote(literal.Value)
		if err != nil {
			t.Fatal(err)
		}
		texts[where] = text
	}, folders...)
	if len(texts) == 0 {
		t.Fatal("no error texts found")
	}
	return texts
}
