package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/operate"
)

// docsCommand prints docs/cli.md. It is for go generate.
func (a *app) docsCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "docs",
		Short:  "Print this reference as Markdown",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE:   func(c *cobra.Command, _ []string) error { return writeMarkdown(a.out, c.Root()) },
	}
}

// Markdown returns the reference of all commands.
func Markdown() string {
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	var text strings.Builder
	_ = writeMarkdown(&text, a.root()) // a Builder returns no error
	return text.String()
}

const markdownHeader = `# The command

<!-- Written by go generate ./cmd/myvault from the help of the commands. -->

Build it with ` + "`go build ./cmd/myvault`" + `, or run it with ` + "`go run ./cmd/myvault`" + `.
` +
	"`myvault completion bash`" + ` writes a script that completes commands, projects, folders and secrets in
bash. There is one for zsh, fish and PowerShell too.

Releases may add members to the objects of ` + "`--json`" + `. The changelog names those that are renamed or
removed.

`

// writeMarkdown writes the reference of root and of all commands below it.
func writeMarkdown(out io.Writer, root *cobra.Command) error {
	fmt.Fprint(out, markdownHeader)
	fmt.Fprintf(out, "```text\n%s\n```\n\n", root.Long)
	for _, group := range root.Groups() {
		fmt.Fprintf(out, "%s\n\n", strings.TrimSuffix(group.Title, ":"))
		for _, c := range listed(root) {
			if c.GroupID == group.ID {
				fmt.Fprintf(out, "- [%s](#%s): %s\n", c.Name(), anchor(c), c.Short)
			}
		}
		fmt.Fprintln(out)
	}
	fmt.Fprint(out, "Flags of every command:\n\n")
	writeFlags(out, root.PersistentFlags())
	for _, c := range listed(root) {
		writeCommand(out, c)
	}
	return nil
}

// listed returns the commands to describe. Those of cobra are left out.
func listed(c *cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(slices.Clone(c.Commands()), func(c *cobra.Command) bool {
		return c.Hidden || c.Name() == "help" || c.Name() == "completion"
	})
}

func anchor(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

func writeCommand(out io.Writer, c *cobra.Command) {
	level := "##"
	if c.HasParent() && c.Parent().HasParent() {
		level = "###"
	}
	fmt.Fprintf(out, "\n%s %s\n\n%s.\n\n```text\n%s\n", level, c.CommandPath(), c.Short, usageLine(c))
	if c.Long != "" {
		fmt.Fprintf(out, "\n%s\n", c.Long)
	}
	fmt.Fprint(out, "```\n\n")
	writeFlags(out, c.NonInheritedFlags())
	if c.Example != "" && !c.HasSubCommands() {
		fmt.Fprintf(out, "Examples:\n\n```text\n%s\n```\n", strings.ReplaceAll(strings.TrimPrefix(c.Example, "  "), "\n  ", "\n"))
	}
	if rows := c.Annotations[operate.JSONFields]; rows != "" {
		fmt.Fprintf(out, "\nMembers of `--json`:\n\n| member | meaning |\n| --- | --- |\n%s", rows)
	}
	for _, sub := range listed(c) {
		writeCommand(out, sub)
	}
}

func usageLine(c *cobra.Command) string { return strings.TrimSuffix(c.UseLine(), " [flags]") }

func writeFlags(out io.Writer, flags *pflag.FlagSet) {
	found := false
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		if !found {
			fmt.Fprint(out, "| flag | meaning |\n| --- | --- |\n")
			found = true
		}
		value, usage := pflag.UnquoteUsage(f)
		name := strings.TrimSpace("--" + f.Name + " " + value)
		fmt.Fprintf(out, "| `%s` | %s |\n", name, strings.ReplaceAll(usage, "|", "\\|"))
	})
	if found {
		fmt.Fprintln(out)
	}
}
