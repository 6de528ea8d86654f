package myvault_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/matryer/is"
)

const architecture = "docs/architecture.md"

// layer is a row of the table of layers.
type layer struct {
	folders []string // a trailing /... covers the folders below
	imports []string
}

func covers(patterns []string, folder string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		below, ok := strings.CutSuffix(p, "/...")
		return p == folder || ok && (folder == below || strings.HasPrefix(folder, below+"/"))
	})
}

// layers reads the table of layers.
func layers(t *testing.T, text string) (all []layer) {
	t.Helper()
	names := regexp.MustCompile("`([^`]+)`")
	for line := range strings.Lines(text) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || !strings.Contains(cells[2], "`") {
			continue
		}
		var l layer
		for _, m := range names.FindAllStringSubmatch(cells[2], -1) {
			l.folders = append(l.folders, m[1])
		}
		for _, m := range names.FindAllStringSubmatch(cells[4], -1) {
			l.imports = append(l.imports, m[1])
		}
		all = append(all, l)
	}
	return all
}

// TestLayers checks that every package of the module is in one row of the table of layers, and
// imports only packages that its row allows. Tests are exempt.
func TestLayers(t *testing.T) {
	is := is.New(t)
	text, err := os.ReadFile(architecture)
	is.NoErr(err)
	rows := layers(t, string(text))
	is.True(len(rows) > 8)
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").Output()
	is.NoErr(err)
	folder := func(path string) string {
		if path == module {
			return "."
		}
		return strings.TrimPrefix(path, module+"/")
	}
	checked := 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pkg := folder(fields[0])
		in := slices.DeleteFunc(slices.Clone(rows), func(l layer) bool { return !covers(l.folders, pkg) })
		if len(in) != 1 {
			t.Errorf("%s: %s is in %d rows; add its folder and its imports to one", architecture, pkg, len(in))
			continue
		}
		for _, path := range fields[1:] {
			if path != module && !strings.HasPrefix(path, module+"/") {
				continue
			}
			checked++
			if to := folder(path); !covers(in[0].imports, to) {
				t.Errorf("%s imports %s, which its row in %s does not allow", pkg, to, architecture)
			}
		}
	}
	is.True(checked > 50)
}

// TestPackagesAreSmall checks that no package has more than 26 files outside tests.
func TestPackagesAreSmall(t *testing.T) {
	is := is.New(t)
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{len .GoFiles}}`, "./...").Output()
	is.NoErr(err)
	checked := 0
	for line := range strings.Lines(string(out)) {
		var pkg string
		var files int
		_, err := fmt.Sscan(line, &pkg, &files)
		is.NoErr(err)
		if checked++; files > 26 {
			t.Errorf("%s has %d files", pkg, files)
		}
	}
	is.True(checked > 50)
}

// hop is a step of a request, such as "1. `httpapi/request.go` `Handler.ServeHTTP`: ...".
var hop = regexp.MustCompile("(?m)^\\d+\\. `([^`]+\\.go)` `([^`]+)`")

// TestHops checks that every step of the two requests names a function of the file it names.
func TestHops(t *testing.T) {
	is := is.New(t)
	text, err := os.ReadFile(architecture)
	is.NoErr(err)
	hops := hop.FindAllStringSubmatch(string(text), -1)
	is.True(len(hops) > 20)
	for _, h := range hops {
		if !slices.Contains(functions(t, h[1]), h[2]) {
			t.Errorf("%s: %s has no function %s", architecture, h[1], h[2])
		}
	}
}

// functions returns the names of the functions of a file, methods as Type.Method.
func functions(t *testing.T, path string) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Error(err)
		return nil
	}
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		name := f.Name.Name
		if f.Recv != nil {
			receiver, _, _ := strings.Cut(strings.TrimPrefix(types.ExprString(f.Recv.List[0].Type), "*"), "[")
			name = receiver + "." + name
		}
		names = append(names, name)
	}
	return names
}
