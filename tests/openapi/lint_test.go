package openapi_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/matryer/is"
)

// linters names the folder node_modules into which npm installed package.json.
const linters = "MYVAULT_OPENAPI_LINTERS"

// TestLintersHaveNothingToSay: the document passes Redocly and Spectral, which others run on it
// before they generate clients, without a warning or a hint.
func TestLintersHaveNothingToSay(t *testing.T) {
	modules := os.Getenv(linters)
	switch {
	case modules == "" && os.Getenv("CI") == "":
		t.Skip(linters + " is not set")
	case modules == "":
		t.Fatal(linters + " is not set")
	}
	document := filepath.Join(t.TempDir(), "openapi.json")
	is.New(t).NoErr(os.WriteFile(document, served(t), 0o600))
	t.Run("redocly", func(t *testing.T) {
		is := is.New(t)
		lint := linter(t, modules, "redocly", "lint", "--extends=recommended", "--format=json", document)
		out, err := lint.Output()
		is.NoErr(err)
		var report struct {
			Totals   struct{ Errors, Warnings, Ignored *int }
			Problems []any
		}
		is.NoErr(json.Unmarshal(out, &report))
		is.True(report.Totals.Warnings != nil) // the report is one
		for _, p := range report.Problems {
			t.Error(p)
		}
	})
	t.Run("spectral", func(t *testing.T) {
		is := is.New(t)
		rules := filepath.Join(t.TempDir(), "rules.yaml")
		is.NoErr(os.WriteFile(rules, []byte("extends: [\"spectral:oas\"]\n"), 0o600))
		lint := linter(t, modules, "spectral", "lint", "--fail-severity=hint", "--ruleset="+rules, document)
		if out, err := lint.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// linter makes the command of one of them, which must not report its use.
func linter(t *testing.T, modules, name string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), filepath.Join(modules, ".bin", name), args...)
	c.Dir = t.TempDir()
	c.Env = append(os.Environ(), "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true")
	return c
}
