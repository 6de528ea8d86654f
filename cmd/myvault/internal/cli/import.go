package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/formats"
)

const importHelp = `Writes the secrets of a file into a folder: all, or none. It first shows what
changes; --dry-run does only that. Values are not shown. A secret whose value is
the same is not written again.

The names of the file are paths in the folder; --map NAME=path gives another
one. Nested members of JSON and YAML are paths with several segments. dotenv is
a .env file, vault the output of vault kv get -format=json, and k8s a Secret.
The format follows from the name of --file, or is dotenv.

If an entry cannot be read or written, or if a secret changes meanwhile, nothing
is written. --skip-problems leaves out entries that cannot be read.`

// importOptions are the flags of import.
type importOptions struct {
	format, file string
	names        map[string]string
	skip, dryRun bool
}

func (a *app) importCommand() *cobra.Command {
	var o importOptions
	_, read := formats.Names()
	c := &cobra.Command{
		Use:   "import FOLDER",
		Short: "Write the secrets of a file into a folder",
		Long:  importHelp,
		Example: `  myvault import newsbot/dev/ < .env
  myvault import newsbot/dev/ --file secrets.yaml --dry-run
  vault kv get -format=json secret/app | myvault import newsbot/prod/ --format vault`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeAddress,
	}
	flags := c.Flags()
	flags.StringVar(&o.format, "format", "", "`format`: "+strings.Join(read, ", "))
	flags.StringVar(&o.file, "file", "", "`file` to read instead of standard input")
	flags.StringToStringVar(&o.names, "map", nil, "`NAME=path`: the path of an entry; can be repeated")
	flags.BoolVar(&o.skip, "skip-problems", false, "leave out entries that cannot be read")
	flags.BoolVar(&o.dryRun, "dry-run", false, "only show what would change")
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(read, cobra.ShellCompDirectiveNoFileComp))
	importFile := func(ctx context.Context, v *connect.Vault, args []string) error {
		prefix, err := parseFolder(args[0])
		if err != nil {
			return err
		}
		entries, problems, err := a.readEntries(o)
		if err != nil {
			return err
		}
		return a.importEntries(ctx, v, prefix, entries, problems, o)
	}
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if o.dryRun {
			return a.withVault(importFile)(cmd, args)
		}
		return a.withWritable(importFile)(cmd, args)
	}
	return c
}

// maxImport is the size limit of a file to import: all values of one commit, as base64.
const maxImport = 64 << 20

// readEntries reads the file, and renames its entries.
func (a *app) readEntries(o importOptions) ([]formats.Entry, []formats.Problem, error) {
	in, format := io.Reader(a.stdin), o.format
	if o.file != "" {
		f, err := os.Open(o.file)
		if err != nil {
			return nil, nil, err
		}
		defer f.Close()
		in = f
	}
	if format == "" {
		if format = formats.ByFile(o.file); format == "" {
			format = "dotenv"
		}
	}
	data, err := io.ReadAll(io.LimitReader(in, maxImport+1))
	if err != nil {
		return nil, nil, err
	}
	if len(data) > maxImport {
		return nil, nil, fmt.Errorf("the file is larger than %d MiB", maxImport>>20)
	}
	entries, problems, err := formats.Decode(format, data)
	if errors.Is(err, formats.ErrFormat) {
		return nil, nil, usageError{err}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w; nothing was written", err)
	}
	for i, e := range entries {
		if path, chosen := o.names[e.Path]; chosen {
			entries[i].Path = path
		}
	}
	return entries, problems, nil
}

// importEntries shows what changes, and makes all changes at once.
func (a *app) importEntries(ctx context.Context, v *connect.Vault, folder myvault.Prefix, entries []formats.Entry, unread []formats.Problem, o importOptions) error {
	plan, problems, err := planImport(ctx, v, folder, entries)
	if err != nil {
		return err
	}
	for _, p := range plan {
		if err := a.print(difference{Path: p.addr.Path, Change: p.change, From: uint64(p.version)}, "%-9s %s", p.change, p.addr); err != nil {
			return err
		}
	}
	if err := errors.Join(
		a.reportProblems(unread, o.skip, "nothing was written; leave them out with --skip-problems"),
		a.reportProblems(problems, false, "nothing was written"),
	); err != nil {
		return err
	}
	changes := changesOf(plan)
	switch {
	case len(changes) == 0:
		fmt.Fprintln(a.err, "there is nothing to write")
		return nil
	case o.dryRun:
		fmt.Fprintf(a.err, "%s; nothing was written\n", count(len(changes), "change", "changes"))
		return nil
	case len(changes) > myvault.MaxChanges:
		return fmt.Errorf("%d changes are more than the %d of one commit: divide the file; nothing was written", len(changes), myvault.MaxChanges)
	}
	if _, err := v.Apply(ctx, changes...); err != nil {
		return importError(err)
	}
	fmt.Fprintf(a.err, "%s written\n", count(len(changes), "secret was", "secrets were"))
	return nil
}

// importError says what to do after a lost race.
func importError(err error) error {
	if errors.Is(err, myvault.ErrConflict) || errors.Is(err, myvault.ErrExists) {
		return advice{fmt.Errorf("%w: the secret was changed meanwhile, and nothing was written; import again", err)}
	}
	return err
}

// planned is what an import does with an address.
type planned struct {
	addr    myvault.Address
	change  string // create, update or same
	version myvault.Version
	value   []byte
}

// planImport compares the entries with the secrets of the folder. Those that the caller may list
// but not read count as updates.
func planImport(ctx context.Context, v *connect.Vault, folder myvault.Prefix, entries []formats.Entry) (plan []planned, problems []formats.Problem, err error) {
	versions, err := listVersions(ctx, v, folder)
	if err != nil {
		return nil, nil, err
	}
	current := make(map[string]*myvault.Secret)
	if len(versions) > 0 {
		if current, err = readFolder(ctx, v, folder); err != nil && !errors.Is(err, myvault.ErrDenied) {
			return nil, nil, err
		}
	}
	for _, e := range entries {
		p := planned{addr: myvault.Address{Project: folder.Project, Path: folder.Path + e.Path}, change: "create", value: e.Value}
		if err := errors.Join(p.addr.Validate(), myvault.Bytes(e.Value).Validate()); err != nil {
			problems = append(problems, formats.Problem{Where: e.Path, Why: err.Error()})
			continue
		}
		if p.version = versions[e.Path]; p.version > 0 {
			p.change = "update"
		}
		if s := current[e.Path]; s != nil && bytes.Equal(s.Value.RevealBytes(), e.Value) {
			p.change = "same"
		}
		plan = append(plan, p)
	}
	return plan, problems, nil
}

// changesOf returns the changes of a plan. Each is under the condition that the secret is still as
// it was.
func changesOf(plan []planned) (changes []myvault.Change) {
	for _, p := range plan {
		condition := myvault.IfAbsent()
		switch p.change {
		case "same":
			continue
		case "update":
			condition = myvault.IfVersion(p.version)
		}
		changes = append(changes, myvault.Change{Op: myvault.OpPut, Address: p.addr, Value: myvault.Bytes(p.value), If: condition})
	}
	return changes
}
