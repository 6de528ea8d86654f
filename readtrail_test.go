package myvault_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
)

func TestTrailIsVisibleByTheRightToAudit(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	v := openVault(t, myvault.Config{})
	root := v.As("root")
	for _, text := range []string{"newsbot/prod/db", "newsbot/dev/db", "rag/prod/x"} {
		_, err := root.Put(ctx, address(t, text), myvault.Text("v"))
		is.NoErr(err)
	}
	is.NoErr(first(root.List(ctx, myvault.ListOptions{Prefix: myvault.Prefix{Project: "newsbot", Path: "prod"}})))
	is.NoErr(first(root.List(ctx, myvault.ListOptions{})))
	_, err := root.SetDefaultProject(ctx, "rag")
	is.NoErr(err)
	seen := func(rule string) (got []string) {
		v.SetPolicy(policyOf(t, []string{rule}, nil))
		for e, err := range v.As("svc").Trail(ctx, myvault.TrailFilter{}) {
			is.NoErr(err)
			if e.Action != "audit" {
				got = append(got, e.Action+" "+e.Address.String())
			}
		}
		return got
	}
	is.Equal(seen("newsbot/prod/db@audit"), []string{"write newsbot/prod/db"})
	is.Equal(seen("newsbot/prod/"), nil) // the usual actions do not show the trail
	is.Equal(seen("newsbot/@audit"), []string{"list newsbot/prod", "write newsbot/dev/db", "write newsbot/prod/db"})
	is.Equal(seen("rag/@audit"), []string{"project-default rag", "write rag/prod/x"})
	is.Equal(len(seen("*/@audit")), 6)
}

func TestTrailPages(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	v := openVault(t, myvault.Config{})
	root := v.As("root")
	for i := range 25 {
		_, err := root.Put(ctx, myvault.Address{Project: "p", Path: fmt.Sprint(i)}, myvault.Text("v"))
		is.NoErr(err)
		_, err = root.Get(ctx, myvault.Address{Project: "p", Path: fmt.Sprint(i)})
		is.NoErr(err)
	}
	var before myvault.Cursor
	seen := make(map[string]bool)
	pages := 0
	for more := true; more; pages++ {
		page, err := root.TrailPage(ctx, myvault.TrailFilter{Before: before}, 7)
		is.NoErr(err)
		is.True(len(page.Items) <= 7)
		for _, e := range page.Items {
			key := fmt.Sprint(e.Chain, e.Seq)
			is.True(!seen[key]) // no entry twice, though asking adds some
			seen[key] = true
		}
		before, more = page.Next, page.More
	}
	is.Equal(len(seen), 51) // 25 writes, 25 reads, and the first asking
	is.Equal(pages, 8)
}

// TestAFilterThatFitsNothingIsRefused: an empty answer to a typing error would look as if nothing
// had happened.
func TestAFilterThatFitsNothingIsRefused(t *testing.T) {
	is := is.New(t)
	ctx := t.Context()
	store := memory.New(memory.Config{})
	v := vaultOf(t, store, myvault.Config{})
	root := v.As("root")
	both := func(r myvault.TrailFilter) (error, error) {
		_, err := root.TrailPage(ctx, r, 10)
		return first(root.Trail(ctx, r)), err
	}
	for _, r := range []myvault.TrailFilter{{Action: "raed"}, {Action: "Read"}, {Action: "happened"}, {Outcome: "OK"}, {Outcome: "refuse"}} {
		of, page := both(r)
		is.True(errors.Is(of, myvault.ErrInvalid))
		is.True(errors.Is(page, myvault.ErrInvalid))
		is.Equal(of.Error(), page.Error())
		is.True(strings.Contains(of.Error(), "read, reencrypt") || strings.Contains(of.Error(), "refused, unknown")) // the valid names
	}
	extensionOf(t, v).RecordAs("happened")
	actions := append(myvault.TrailActions(), "happened", "")
	for _, action := range actions {
		of, page := both(myvault.TrailFilter{Action: action, Outcome: myvault.OutcomeBegun})
		is.NoErr(of)
		is.NoErr(page)
	}
	is.NoErr(store.Record(ctx, myvault.Entry{Action: "of-tomorrow", Outcome: "deferred", Count: 1})) // by a newer program
	page, err := root.TrailPage(ctx, myvault.TrailFilter{}, 1000)
	is.NoErr(err)
	is.True(slices.ContainsFunc(page.Items, func(e myvault.Entry) bool { return e.Action == "of-tomorrow" }))
}

// TestTrailActionsAreThoseOfTheSource, every one and no other.
func TestTrailActionsAreThoseOfTheSource(t *testing.T) {
	is := is.New(t)
	found := make(map[string]bool)
	for op := myvault.OpPut; op <= myvault.OpDeleteProject; op++ {
		found[op.String()] = true
	}
	for _, pattern := range []string{"*.go", "*/*.go", "providers/*/*.go", "providers/*/internal/*/*.go"} {
		files, err := filepath.Glob(pattern)
		is.NoErr(err)
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") || strings.Contains(name, "providertest") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			is.NoErr(err)
			ast.Inspect(file, func(n ast.Node) bool {
				if action, ok := actionIn(n); ok {
					found[action] = true
				}
				return true
			})
		}
	}
	var actions []string
	for action := range found {
		actions = append(actions, action)
	}
	slices.Sort(actions)
	is.Equal(actions, myvault.TrailActions())
}

// actionIn returns the action that a node names: in a call that makes an entry, as a constant with
// the prefix action, or as a Kind of package due.
func actionIn(n ast.Node) (string, bool) {
	var text ast.Expr
	switch n := n.(type) {
	case *ast.CallExpr:
		at, known := map[string]int{"entry": 0, "open": 1, "RecordOutcome": 1, "Administer": 1, "begunEntry": 0}[called(n)]
		if known && at < len(n.Args) {
			text = n.Args[at]
		}
	case *ast.ValueSpec:
		if len(n.Values) == 1 && (strings.HasPrefix(n.Names[0].Name, "action") || fmt.Sprint(n.Type) == "Kind") {
			text = n.Values[0]
		}
	}
	literal, ok := text.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return "", false
	}
	action, err := strconv.Unquote(literal.Value)
	return action, err == nil
}

// called returns the name of the function that a call calls.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}
