package myvault_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/listing"
	"github.com/myswiftagent/myvault/usage"
)

// needed has the rules with which a method is allowed and denied on the secret newsbot/prod/db.
type needed struct {
	rule string // with nothing but this it is allowed
	less string // with nothing but this it is denied
	// seen counts what a method shows that filters in place of denying; nil for the others.
	seen func(context.Context, *myvault.Vault, *myvault.Session) int
}

const (
	allBut = "*/@read+write+delete+list+destroy+audit"
	others = "other/@read+write+delete+list+destroy+audit"
)

// without returns a rule for everything but one action.
func without(action string) string {
	return strings.Replace(strings.Replace(allBut, action+"+", "", 1), "+"+action, "", 1)
}

// rightsOf has a row for each method that does something; one without fails below.
var rightsOf = map[string]needed{
	"Get":               {rule: "newsbot/prod/db@read", less: without("read")},
	"GetVersion":        {rule: "newsbot/prod/db@read", less: without("read")},
	"Put":               {rule: "newsbot/prod/db@write", less: without("write")},
	"PutVersion":        {rule: "newsbot/prod/db@write", less: without("write")},
	"Delete":            {rule: "newsbot/prod/db@delete", less: without("delete")},
	"Undelete":          {rule: "newsbot/prod/db@write", less: without("write")},
	"Destroy":           {rule: "newsbot/prod/db@destroy", less: without("destroy")},
	"Apply":             {rule: "newsbot/prod/db@write", less: without("write")},
	"Versions":          {rule: "newsbot/prod/db@list", less: without("list")},
	"VersionsPage":      {rule: "newsbot/prod/db@list", less: without("list")},
	"Project":           {rule: "newsbot/any@read", less: others},
	"PutProject":        {rule: "newsbot/any@write", less: without("write")},
	"SetDefaultProject": {rule: "*/any@write", less: without("write")},
	"DeleteProject":     {rule: "newsbot/@delete", less: without("delete")},
	"Heads":             {rule: "*/@audit", less: without("audit")},
	"Who":               {rule: "newsbot/prod/db@audit", less: without("audit")},
	"Explain":           {rule: others, less: ""}, // about itself; about others as Who
	"Rights":            {rule: others, less: ""},
	"List": {rule: "newsbot/prod/db@list", less: without("list"), seen: func(ctx context.Context, _ *myvault.Vault, s *myvault.Session) int {
		return count(s.List(ctx, myvault.ListOptions{}))
	}},
	"ListPage": {rule: "newsbot/prod/db@list", less: without("list"), seen: func(ctx context.Context, _ *myvault.Vault, s *myvault.Session) int {
		page, _ := s.ListPage(ctx, myvault.ListOptions{}, 10)
		return len(page.Items)
	}},
	"GetPage": {rule: "newsbot/prod/db@read+list", less: without("read"), seen: func(ctx context.Context, _ *myvault.Vault, s *myvault.Session) int {
		page, _ := s.GetPage(ctx, myvault.ListOptions{}, 10)
		return len(page.Items)
	}},
	"Projects": {rule: "newsbot/any@read", less: others, seen: func(ctx context.Context, _ *myvault.Vault, s *myvault.Session) int {
		return count(s.Projects(ctx))
	}},
	"ProjectsPage": {rule: "newsbot/any@read", less: others, seen: func(ctx context.Context, _ *myvault.Vault, s *myvault.Session) int {
		page, _ := s.ProjectsPage(ctx, "", 10)
		return len(page.Items)
	}},
	"usage.Index.Page": {rule: "newsbot/prod/db@audit", less: without("audit"), seen: func(ctx context.Context, v *myvault.Vault, s *myvault.Session) int {
		page, _ := usagePage(ctx, v, s, usage.Options{}, 10)
		return len(page.Items)
	}},
	"Trail": {rule: "newsbot/prod/db@audit", less: without("audit"), seen: func(ctx context.Context, _ *myvault.Vault, s *myvault.Session) int {
		return count(s.Trail(ctx, myvault.TrailFilter{}))
	}},
	"TrailPage": {rule: "newsbot/prod/db@audit", less: without("audit"), seen: func(ctx context.Context, _ *myvault.Vault, s *myvault.Session) int {
		page, _ := s.TrailPage(ctx, myvault.TrailFilter{}, 10)
		return len(page.Items)
	}},
}

func count[T any](seq iter.Seq2[T, error]) (n int) {
	for _, err := range seq {
		if err == nil {
			n++
		}
	}
	return n
}

// TestRightsOfEveryMethod calls each method with just the rule that it needs, and with
// everything but that. The outcome is the table in docs/rights.md; -update writes it.
func TestRightsOfEveryMethod(t *testing.T) {
	is := is.New(t)
	names := slices.Concat(slices.Collect(maps.Keys(calls)), slices.Collect(maps.Keys(extensionCalls)))
	slices.Sort(names)
	is.Equal(slices.Sorted(maps.Keys(rightsOf)), names) // a row for each method
	lines := []string{"| Session method | allowed with just | answer | without that right |", "| --- | --- | --- | --- |"}
	for _, name := range slices.Sorted(maps.Keys(rightsOf)) {
		n := rightsOf[name]
		allowed, denied := attempt(t, name, n, n.rule), attempt(t, name, n, n.less)
		if strings.HasPrefix(allowed, "denied") || allowed == "shows nothing" || !strings.HasPrefix(denied, "denied") && denied != "shows nothing" {
			t.Errorf("%s: %s with %s, and %s with %s", name, allowed, n.rule, denied, n.less)
		}
		lines = append(lines, fmt.Sprintf("| `%s` | `%s` | %s | %s |", name, n.rule, allowed, denied))
	}
	listing.Check(t, "docs/rights.md", "session", strings.Join(lines, "\n"), *update)
}

// attempt calls a method as a service that has nothing but the rule.
func attempt(t *testing.T, name string, n needed, rule string) string {
	t.Helper()
	v := openVault(t, myvault.Config{})
	fill(t, v, "newsbot/prod/db", "rag/prod/x")
	switch name {
	case "Undelete", "DeleteProject":
		if err := v.As("root").Delete(t.Context(), db); err != nil {
			t.Fatal(err)
		}
	}
	v.SetPolicy(policyOf(t, split(rule), nil))
	s := v.As("svc")
	if rule == "" {
		s = v.As("stranger") // less than any rule
	}
	err := callOf(name)(t.Context(), v, s)
	switch {
	case errors.Is(err, myvault.ErrDenied):
		return "denied"
	case errors.Is(err, errors.ErrUnsupported):
		return "allowed (memory has no MACs)"
	case err != nil:
		t.Errorf("%s with %s: %v", name, rule, err)
	case n.seen != nil && n.seen(t.Context(), v, s) == 0:
		return "shows nothing"
	case n.seen != nil:
		return "shows what is allowed"
	}
	return "allowed"
}
