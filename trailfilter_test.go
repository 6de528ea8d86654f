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

// TestAFilterThatFitsNothingIsRefused: an empty answer to a slip of the hand would read as if nothing had happened.
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
		is.True(strings.Contains(of.Error(), "read, reencrypt") || strings.Contains(of.Error(), "refused, unknown")) // what it may be
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
	is.True(slices.ContainsFunc(page.Entries, func(e myvault.Entry) bool { return e.Action == "of-tomorrow" }))
}

// TestTrailActionsAreThoseOfTheSource, every one and no other.
func TestTrailActionsAreThoseOfTheSource(t *testing.T) {
	is := is.New(t)
	found := make(map[string]bool)
	for op := myvault.OpPut; op <= myvault.OpDeleteProject; op++ {
		found[op.String()] = true
	}
	for _, pattern := range []string{"*.go", "*/*.go", "providers/*/*.go"} {
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

// actionIn gives the action that a node names: in a call that makes an entry, as a constant action..., or as a Kind of package due.
func actionIn(n ast.Node) (string, bool) {
	var text ast.Expr
	switch n := n.(type) {
	case *ast.CallExpr:
		at, known := map[string]int{"entry": 0, "open": 1, "administered": 1, "administer": 1, "begunEntry": 0}[called(n)]
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

// called gives the name of the function that a call calls.
func called(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}
