package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/build"
)

func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIRECTORY",
		Short: "Write the manual pages",
		Long: `Writes a manual page for each command into a directory, which it creates. Pages
that are already there are replaced.`,
		Example: `  myvault man /usr/local/share/man/man1 && man myvault-get`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			return writePages(args[0], c.Root())
		},
	}
}

// writePages writes the pages of c and of all commands below it.
func writePages(dir string, c *cobra.Command) error {
	err := os.WriteFile(filepath.Join(dir, pageName(c)+".1"), []byte(page(c)), 0o644)
	for _, sub := range listed(c) {
		err = errors.Join(err, writePages(dir, sub))
	}
	return err
}

func pageName(c *cobra.Command) string { return anchor(c) }

// page returns the page of a command in the macros of man(7).
func page(c *cobra.Command) string {
	var p manPage
	b := build.Read()
	date, _, _ := strings.Cut(b.Time, "T")
	p.line(`.TH "%s" 1 "%s" "myVault %s"`, strings.ToUpper(pageName(c)), date, b.Version)
	p.section("NAME")
	p.line("%s \\- %s", roff(pageName(c)), roff(c.Short))
	p.section("SYNOPSIS")
	p.verbatim(usageLine(c))
	if c.Long != "" {
		p.section("DESCRIPTION")
		p.text(c.Long)
	}
	p.flags("OPTIONS", c.NonInheritedFlags())
	p.flags("OPTIONS OF EVERY COMMAND", c.InheritedFlags())
	if c.Example != "" {
		p.section("EXAMPLES")
		p.verbatim(c.Example)
	}
	p.section("SEE ALSO")
	p.line("%s", strings.Join(related(c), ",\n"))
	return p.String()
}

// related returns the references to the commands above and below c.
func related(c *cobra.Command) (references []string) {
	all := listed(c)
	if c.HasParent() {
		all = append([]*cobra.Command{c.Parent()}, all...)
	}
	for _, other := range all {
		references = append(references, fmt.Sprintf(".BR %s (1)", roff(pageName(other))))
	}
	return references
}

// manPage is the source of a page.
type manPage struct{ strings.Builder }

func (p *manPage) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *manPage) section(title string) { p.line(".SH %s", title) }

// text writes paragraphs. Indented lines, such as those of settings, stay as they are.
func (p *manPage) text(text string) {
	for i, paragraph := range strings.Split(text, "\n\n") {
		switch {
		case strings.HasPrefix(paragraph, "  "):
			p.verbatim(paragraph)
			continue
		case i > 0:
			p.line(".PP")
		}
		p.line("%s", roff(paragraph))
	}
}

// verbatim writes lines as they are.
func (p *manPage) verbatim(text string) { p.line(".nf\n%s\n.fi", roff(text)) }

// flags writes a section with the flags, if there are any.
func (p *manPage) flags(title string, flags *pflag.FlagSet) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		if title != "" {
			p.section(title)
			title = ""
		}
		value, usage := pflag.UnquoteUsage(f)
		p.line(".TP\n\\fB%s\\fR \\fI%s\\fR\n%s", roff("--"+f.Name), roff(value), roff(usage))
	})
}

// roff escapes text. A line that begins with a dot or an apostrophe would be a request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
