package cli

import (
	"os"
	"strings"
	"testing"

	"github.com/matryer/is"
	"github.com/spf13/cobra"
)

// TestDocumentIsCurrent checks that docs/cli.md is what go generate writes.
func TestDocumentIsCurrent(t *testing.T) {
	is := is.New(t)
	text, err := os.ReadFile("../../../../docs/cli.md")
	is.NoErr(err)
	is.Equal(string(text), Markdown()) // run go generate ./cmd/myvault
}

// TestEveryCommandHasHelp checks that each command has a summary, an example and a completion for
// its arguments.
func TestEveryCommandHasHelp(t *testing.T) {
	is := is.New(t)
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	count := 0
	var check func(c *cobra.Command)
	check = func(c *cobra.Command) {
		count++
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: want a summary without a full stop", c.CommandPath())
		}
		if c.Example == "" || !strings.Contains(c.Example, c.CommandPath()) {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for line := range strings.Lines(c.Long) {
			if len(line) > 81 && !strings.HasPrefix(line, "  ") { // settings have a line each
				t.Errorf("%s: the help is wider than a terminal: %s", c.CommandPath(), line)
			}
		}
		for _, sub := range listed(c) {
			check(sub)
		}
	}
	for _, c := range listed(a.root()) {
		check(c)
	}
	is.True(count > 35)
}
