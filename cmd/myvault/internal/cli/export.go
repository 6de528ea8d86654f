package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/formats"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/run"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/setup"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/terminal"
)

const exportHelp = `Writes the secrets of a folder to a pipe or a file, with their values.

json and yaml keep every path and every value; vault keeps all text. dotenv and
shell name the variables by the rule of run, which refuses names such as PATH
unless --map gives them, and k8s replaces slashes in the
keys of the Secret by dots. If a secret cannot be written in the format, nothing
is written and the reasons are listed; --skip-problems leaves such secrets out.

A file that --output names must not exist; only you can read it.`

// exportOptions are the flags of export.
type exportOptions struct {
	format, output string
	names          map[string]string
	skip, reveal   bool
	formats        formats.Options
}

func (a *app) exportCommand() *cobra.Command {
	var o exportOptions
	written, _ := formats.Names()
	c := &cobra.Command{
		Use:   "export FOLDER",
		Short: "Write the secrets of a folder to a file",
		Long:  exportHelp,
		Example: `  myvault export newsbot/prod/ --format json | jq -r '."db/password"'
  myvault export newsbot/prod/ --format dotenv --output prod.env
  myvault export newsbot/prod/ --format k8s --name newsbot | kubectl apply -f -`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeAddress,
	}
	flags := c.Flags()
	flags.StringVar(&o.format, "format", "dotenv", "`format`: "+strings.Join(written, ", "))
	flags.StringVar(&o.output, "output", "", "new `file` to write")
	flags.StringToStringVar(&o.names, "map", nil, "`path=NAME`: the variable of a secret, for dotenv and shell; can be repeated")
	flags.StringVar(&o.formats.Name, "name", "", "`name` of the Secret of Kubernetes")
	flags.StringVar(&o.formats.Namespace, "namespace", "", "`namespace` of the Secret of Kubernetes")
	flags.BoolVar(&o.skip, "skip-problems", false, "leave out secrets that the format cannot have")
	flags.BoolVar(&o.reveal, "reveal", false, "print values on a terminal")
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(written, cobra.ShellCompDirectiveNoFileComp))
	c.RunE = a.withVault(func(ctx context.Context, v *connect.Vault, args []string) error {
		return a.export(ctx, v, args[0], o)
	})
	return c
}

func (a *app) export(ctx context.Context, v *connect.Vault, folder string, o exportOptions) error {
	if o.output == "" && a.onTerminal() && !o.reveal {
		return usagef("values are not printed on a terminal: use a pipe, --output or --reveal")
	}
	prefix, err := parseFolder(folder)
	if err != nil {
		return err
	}
	secrets, err := readFolder(ctx, v, prefix)
	if err != nil {
		return err
	}
	var entries []formats.Entry
	for path, s := range secrets {
		entries = append(entries, formats.Entry{Path: path, Value: s.Value.RevealBytes()})
	}
	o.formats.Reserved = func(name, path string) string {
		if _, chosen := o.names[path]; chosen {
			return ""
		}
		return run.Reserved(name, path)
	}
	o.formats.Variable = func(path string) string {
		if name, chosen := o.names[path]; chosen {
			return name
		}
		return run.Name(path)
	}
	data, problems, err := formats.Encode(o.format, entries, o.formats)
	if err != nil {
		return usageError{err}
	}
	if err := a.reportProblems(problems, o.skip, "nothing was written; leave them out with --skip-problems"); err != nil {
		return err
	}
	if o.output == "" {
		_, err := a.out.Write(data)
		return err
	}
	return setup.WriteNew(o.output, data)
}

// reportProblems prints problems. Unless they may be skipped, it returns an error with a remedy.
func (a *app) reportProblems(problems []formats.Problem, skip bool, remedy string) error {
	for _, p := range problems {
		fmt.Fprintf(a.err, "cannot: %s\n", terminal.Quote(p.String()))
	}
	if len(problems) == 0 || skip {
		return nil
	}
	return advice{fmt.Errorf("%s: %s", count(len(problems), "entry has a problem", "entries have problems"), remedy)}
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
