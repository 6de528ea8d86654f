package mutants_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// A mutant is package sqlite with one mistake, which tests must find.
type mutant struct {
	name  string
	edits []slip
	in    string // the folder of the tests that find it, below store
	run   string // those tests
	says  string // part of the output of the failing test
	short bool   // also runs in the short pass
}

// store is the folder of package sqlite.
const store = "../../.."

// slip replaces a text that occurs exactly once in the file, whose path is below store.
type slip struct{ file, old, new string }

// TestMutantsMatchSource checks that every mutant still applies to the source, and that its folder
// has the test that it runs.
func TestMutantsMatchSource(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			is := is.New(t)
			for file, text := range m.files(t) {
				original, err := os.ReadFile(file)
				is.NoErr(err)
				is.True(text != string(original))
			}
			name, _, _ := strings.Cut(m.run, "$")
			is.True(declares(t, filepath.Join(store, m.in), name)) // the test is in the folder
		})
	}
}

// TestMutantsAreFound runs the tests of each mutant. They must fail with the expected output.
func TestMutantsAreFound(t *testing.T) {
	found := 0
	for _, m := range mutants {
		if !m.short && !storetest.LongPass() {
			continue
		}
		found++
		t.Run(m.name, func(t *testing.T) {
			out, err := m.test(t)
			if err == nil {
				t.Fatalf("the tests %s pass:\n%s", m.run, out)
			}
			if !strings.Contains(out, "--- FAIL") || !strings.Contains(out, m.says) {
				t.Fatalf("the tests %s fail without the output %q:\n%s", m.run, m.says, out)
			}
		})
	}
	t.Logf("%d of %d mutants", found, len(mutants))
}

// files returns the changed files by their path.
func (m mutant) files(t *testing.T) map[string]string {
	files := map[string]string{}
	for _, e := range m.edits {
		path, err := filepath.Abs(filepath.Join(store, e.file))
		storetest.Must(t, err)
		text, ok := files[path]
		if !ok {
			content, err := os.ReadFile(path)
			storetest.Must(t, err)
			text = string(content)
		}
		if n := strings.Count(text, e.old); n != 1 {
			t.Fatalf("%s contains this text %d times, want once:\n%s", e.file, n, e.old)
		}
		files[path] = strings.Replace(text, e.old, e.new, 1)
	}
	return files
}

// test runs the tests with the changed files in place of the real ones.
func (m mutant) test(t *testing.T) (string, error) {
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for path, text := range m.files(t) {
		to := filepath.Join(dir, filepath.Base(path))
		storetest.Must(t, os.WriteFile(to, []byte(text), 0o600))
		overlay.Replace[path] = to
	}
	content, err := json.Marshal(overlay)
	storetest.Must(t, err)
	file := filepath.Join(dir, "overlay.json")
	storetest.Must(t, os.WriteFile(file, content, 0o600))
	cmd := exec.CommandContext(t.Context(), "go", "test", "-overlay", file, "-vet=off", "-count=1", "-timeout=5m", "-run", m.run, "./"+m.in)
	cmd.Dir = store
	cmd.Env = append(os.Environ(), "MYVAULT_RELIABILITY=")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// declares reports whether a test file in a folder declares a test.
func declares(t *testing.T, folder, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	storetest.Must(t, err)
	for _, file := range files {
		content, err := os.ReadFile(file)
		storetest.Must(t, err)
		if strings.Contains(string(content), "func "+test+"(t *testing.T)") {
			return true
		}
	}
	return false
}
