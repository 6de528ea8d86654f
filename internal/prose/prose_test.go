package prose_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/prose"
)

const root = "../.."

// TestRules checks that each kind of hit is found, and that plain sentences pass.
func TestRules(t *testing.T) {
	for _, bad := range []string{
		"Policy gives the policy.", "It tells why.", "The error is told.", "Where it stands.", "Restore brings it.",
		"The name of who asks.", "A list of what is stored.", "It fails, where there are none.", "It works no more.",
		"Nobody reads it.", "It runs by itself.", "A file of its own.", "It is to be read.", "It works as ever.",
	} {
		if len(prose.Check(bad)) == 0 {
			t.Errorf("no hit in %q", bad)
		}
	}
	for _, good := range []string{
		"Policy returns the current policy.", "A caller that gives up early.", "It tells whether the store is reachable.",
		"The caller who asks must be known.", "What's more is fine.", "Use two or more of them.",
	} {
		is.New(t).Equal(prose.Check(good), nil)
	}
}

// report counts the words and the hits.
type report struct {
	t     *testing.T
	words int
	hits  int
}

func (r *report) check(file string, line int, text string) {
	r.words += len(strings.Fields(text))
	for _, hit := range prose.Check(text) {
		r.hits++
		r.t.Logf("%s:%d: %s", file, line, hit)
	}
}

func (r *report) width(file string, line int, text string) {
	if n := utf8.RuneCountInString(strings.ReplaceAll(text, "\t", "    ")); n > prose.MaxColumns && !strings.Contains(text, "http") {
		r.t.Errorf("%s:%d: %d columns; wrap at %d", file, line, n, prose.MaxColumns)
	}
}

// TestTree applies the rules to comments, error texts, documents, the texts of the console and the
// OpenAPI document. One hit in 1,000 words is allowed, as good English needs some of these words.
func TestTree(t *testing.T) {
	r := &report{t: t}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		name := strings.TrimPrefix(filepath.ToSlash(path), root+"/")
		switch {
		case err != nil:
			return err
		case d.IsDir():
			if d.Name() == "testdata" || d.Name() == "node_modules" || len(d.Name()) > 2 && d.Name()[0] == '.' {
				return fs.SkipDir
			}
			return nil
		case strings.HasPrefix(name, "internal/prose/"):
			return nil
		}
		switch filepath.Ext(name) {
		case ".go", ".md", ".js":
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			r.file(name, string(text))
		}
		return nil
	})
	is := is.New(t)
	is.NoErr(err)
	r.openAPI("httpapi/openapi.json")
	is.True(r.words > 50_000) // the walk found the repository
	t.Logf("%d hits in %d words", r.hits, r.words)
	is.True(r.hits <= r.words/1000) // run with -v to see them
}

func (r *report) file(name, text string) {
	switch filepath.Ext(name) {
	case ".go":
		output := false // inside the expected output of an Example, which cannot be wrapped
		for i, line := range strings.Split(text, "\n") {
			output = strings.Contains(line, "// Output:") || output && line != "}"
			if comment, ok := prose.Comment(line); ok {
				r.check(name, i+1, comment)
				if !output && strings.HasPrefix(strings.TrimSpace(line), "//") {
					r.width(name, i+1, line)
				}
			}
		}
		r.errorTexts(name, text)
	case ".md":
		r.markdown(name, text)
	case ".js":
		if name == "httpapi/console/files/messages.js" {
			for i, line := range strings.Split(text, "\n") {
				r.check(name, i+1, line)
			}
		}
	}
}

var codeSpan = regexp.MustCompile("`[^`]*`|\\]\\([^)]*\\)")

func (r *report) markdown(name, text string) {
	fenced := false
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		if fenced || strings.HasPrefix(line, "    ") {
			continue
		}
		r.check(name, i+1, codeSpan.ReplaceAllString(line, "`x`"))
		if !strings.HasPrefix(strings.TrimSpace(line), "|") {
			r.width(name, i+1, line)
		}
	}
}

// errorTexts checks the texts that a file passes to errors.New and fmt.Errorf.
func (r *report) errorTexts(name, text string) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, 0)
	if err != nil {
		r.t.Error(err)
		return
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		if f, ok := call.Fun.(*ast.SelectorExpr); !ok || f.Sel.Name != "Errorf" && f.Sel.Name != "New" {
			return true
		}
		if literal, ok := call.Args[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if message, err := strconv.Unquote(literal.Value); err == nil {
				r.check(name, set.Position(literal.Pos()).Line, message)
			}
		}
		return true
	})
}

// openAPI checks the descriptions and summaries of the document.
func (r *report) openAPI(name string) {
	is := is.New(r.t)
	text, err := os.ReadFile(filepath.Join(root, name))
	is.NoErr(err)
	var document any
	is.NoErr(json.Unmarshal(text, &document))
	var walk func(key string, v any)
	walk = func(key string, v any) {
		switch v := v.(type) {
		case string:
			if key == "description" || key == "summary" {
				r.check(name, 0, v)
			}
		case []any:
			for _, each := range v {
				walk("", each)
			}
		case map[string]any:
			for k, each := range v {
				walk(k, each)
			}
		}
	}
	walk("", document)
}
