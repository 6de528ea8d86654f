package openapi_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/matryer/is"
)

// lintersVariable is the path of the node_modules folder that npm created from package.json.
const lintersVariable = "MYVAULT_OPENAPI_LINTERS"

// TestLinters checks that Redocly and Spectral report no errors, warnings or hints. Users run these
// linters before they generate clients.
func TestLinters(t *testing.T) {
	modules := os.Getenv(lintersVariable)
	switch {
	case modules == "" && os.Getenv("CI") == "":
		t.Skip(lintersVariable + " is not set")
	case modules == "":
		t.Fatal(lintersVariable + " is not set")
	}
	document := filepath.Join(t.TempDir(), "openapi.json")
	is.New(t).NoErr(os.WriteFile(document, servedDocument(t), 0o600))
	t.Run("redocly", func(t *testing.T) {
		is := is.New(t)
		lint := lintCommand(t, modules, "redocly", "lint", "--extends=recommended", "--format=json", document)
		out, err := lint.Output()
		is.NoErr(err)
		var report struct {
			Totals   struct{ Errors, Warnings, Ignored *int }
			Problems []any
		}
		is.NoErr(json.Unmarshal(out, &report))
		is.True(report.Totals.Warnings != nil) // the report was parsed
		for _, p := range report.Problems {
			t.Error(p)
		}
	})
	t.Run("spectral", func(t *testing.T) {
		is := is.New(t)
		rules := filepath.Join(t.TempDir(), "rules.yaml")
		is.NoErr(os.WriteFile(rules, []byte("extends: [\"spectral:oas\"]\n"), 0o600))
		lint := lintCommand(t, modules, "spectral", "lint", "--fail-severity=hint", "--ruleset="+rules, document)
		if out, err := lint.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// lintCommand returns the command of a linter, with its telemetry off.
func lintCommand(t *testing.T, modules, name string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), filepath.Join(modules, ".bin", name), args...)
	c.Dir = t.TempDir()
	c.Env = append(os.Environ(), "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true")
	return c
}
