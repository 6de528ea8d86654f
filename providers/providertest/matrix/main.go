// Matrix runs the conformance test of every provider and writes the table of
// providers and clauses in docs/providers.md, between its markers:
//
//	go generate ./providers/providertest
//
// If a provider breaks a promise, it writes the table and exits with status 1.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/myswiftagent/myvault/providers/providertest"
)

// The table is between these lines of the document.
const (
	begin = "<!-- matrix -->\n"
	end   = "<!-- end of matrix -->\n"
)

func main() {
	root := flag.String("root", ".", "the `folder` of the module")
	flag.Parse()
	if err := write(*root); err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
}

// write runs the tests and updates the table.
func write(root string) error {
	events, testErr := run(root)
	results, err := read(bytes.NewReader(events))
	if err != nil {
		return err
	}
	if len(results.providers()) == 0 {
		return errors.Join(errors.New("no provider has a TestConformance that runs the clauses"), testErr)
	}
	file := filepath.Join(root, "docs", "providers.md")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, rest, found := strings.Cut(string(text), begin)
	_, tail, ended := strings.Cut(rest, end)
	if !found || !ended {
		return fmt.Errorf("docs/providers.md lacks the line %q or, after it, %q", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	table := results.table(providertest.Clauses())
	if err := os.WriteFile(file, []byte(head+begin+table+end+tail), 0o644); err != nil {
		return err
	}
	if testErr != nil {
		return fmt.Errorf("a provider breaks a promise, see docs/providers.md: %w", testErr)
	}
	return nil
}

// run returns the events of the conformance tests, and an error if one failed.
func run(root string) ([]byte, error) {
	cmd := exec.Command("go", "test", "-json", "-count=1", "-timeout=20m", "-run=^TestConformance$", "./providers/...")
	cmd.Dir, cmd.Stderr = root, os.Stderr
	return cmd.Output()
}
