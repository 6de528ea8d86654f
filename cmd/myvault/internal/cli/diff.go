package cli

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/edit"
)

const diffHelp = `Compares two versions of a secret, two folders such as two environments, or a
folder with a file in a format of import.

Values are compared but not shown; --reveal shows their lines. It needs the
right to read both sides, and each read is recorded. The exit code is 0 whether
or not they differ.`

func (a *app) diffCommand() *cobra.Command {
	var reveal bool
	var file importOptions
	c := &cobra.Command{
		Use:   "diff (ADDRESS VERSION [VERSION] | FOLDER FOLDER | FOLDER --file FILE)",
		Short: "Compare versions of a secret, folders, or a file",
		Long:  diffHelp,
		Example: `  myvault diff newsbot/prod/db 3
  myvault diff --reveal newsbot/prod/db 3 4
  myvault diff newsbot/dev/ newsbot/prod/
  myvault diff newsbot/dev/ --file .env`,
		Args:              cobra.RangeArgs(1, 3),
		ValidArgsFunction: a.completeFolders,
	}
	c.Flags().BoolVar(&reveal, "reveal", false, "show values")
	c.Flags().StringVar(&file.file, "file", "", "`file` to compare with a folder")
	c.Flags().StringVar(&file.format, "format", "", "`format` of the file, as for import")
	c.RunE = a.withVault(func(ctx context.Context, v *connect.Vault, args []string) error {
		switch {
		case len(args) == 1 && file.file != "":
			return a.diffFile(ctx, v, args[0], file, reveal)
		case len(args) == 1 || file.file != "":
			return usagef("want an address and a version, two folders, or a folder and --file")
		}
		if len(args) == 2 && strings.Contains(args[1], "/") {
			return a.diffFolders(ctx, v, args[0], args[1], reveal)
		}
		return a.diffVersions(ctx, v, args, reveal)
	})
	return c
}

// completeFolders completes both sides.
func (a *app) completeFolders(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeAddress(cmd, nil, typed)
}

func (a *app) diffVersions(ctx context.Context, v *connect.Vault, args []string, reveal bool) error {
	addr, err := parseAddress(args[0])
	if err != nil {
		return err
	}
	var sides [2]myvault.Secret
	for i := range sides {
		var version myvault.Version // the current one
		if i+1 < len(args) {
			if version, err = parseVersion(args[i+1]); err != nil {
				return err
			}
		}
		if sides[i], err = readVersion(ctx, v, addr, version); err != nil {
			return err
		}
	}
	return a.printDifference(difference{
		Path: addr.Path, Change: changeOf(&sides[0], &sides[1]), From: uint64(sides[0].Version), To: uint64(sides[1].Version),
	}, &sides[0], &sides[1], reveal)
}

// difference is the JSON of a secret that differs.
type difference struct {
	Path   string `json:"path"`
	Change string `json:"change"` // added, removed, changed or equal
	From   uint64 `json:"from,omitempty"`
	To     uint64 `json:"to,omitempty"`
}

func changeOf(from, to *myvault.Secret) string {
	switch {
	case from == nil:
		return "added"
	case to == nil:
		return "removed"
	case sum(from.Value) == sum(to.Value):
		return "equal"
	}
	return "changed"
}

func sum(v myvault.Value) [sha256.Size]byte { return sha256.Sum256(v.RevealBytes()) }

// printDifference prints a difference and, with reveal, the lines of both values. Nil is a side
// without the secret.
func (a *app) printDifference(d difference, from, to *myvault.Secret, reveal bool) error {
	if a.json {
		return a.printJSON(d)
	}
	fmt.Fprintf(a.out, "%-8s%s", d.Change, d.Path)
	if d.From > 0 && d.To > 0 {
		fmt.Fprintf(a.out, " (%d, %d)", d.From, d.To)
	}
	_, err := fmt.Fprintln(a.out)
	if reveal && d.Change != "equal" {
		_, err = fmt.Fprint(a.out, edit.Diff(text(from), text(to)))
	}
	return err
}

func text(s *myvault.Secret) string {
	if s == nil {
		return ""
	}
	return s.Value.Reveal()
}

func (a *app) diffFolders(ctx context.Context, v *connect.Vault, from, to string, reveal bool) error {
	var sides [2]map[string]*myvault.Secret
	for i, folder := range []string{from, to} {
		prefix, err := parseFolder(folder)
		if err != nil {
			return err
		}
		if sides[i], err = readFolder(ctx, v, prefix); err != nil {
			return err
		}
	}
	return a.printDifferences(sides[0], sides[1], reveal)
}

// diffFile compares a folder with a file.
func (a *app) diffFile(ctx context.Context, v *connect.Vault, folder string, o importOptions, reveal bool) error {
	prefix, err := parseFolder(folder)
	if err != nil {
		return err
	}
	entries, problems, err := a.readEntries(o)
	if err != nil {
		return err
	}
	if err := a.reportProblems(problems, false, "fix them first"); err != nil {
		return err
	}
	stored, err := readFolder(ctx, v, prefix)
	if err != nil {
		return err
	}
	written := make(map[string]*myvault.Secret)
	for _, e := range entries {
		written[e.Path] = &myvault.Secret{Value: myvault.Bytes(e.Value)}
	}
	return a.printDifferences(stored, written, reveal)
}

// printDifferences prints the paths at which two folders differ.
func (a *app) printDifferences(from, to map[string]*myvault.Secret, reveal bool) error {
	paths := slices.Collect(maps.Keys(from))
	for path := range to {
		if from[path] == nil {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	for _, path := range paths {
		before, after := from[path], to[path]
		change := changeOf(before, after)
		if change == "equal" {
			continue
		}
		if err := a.printDifference(difference{Path: path, Change: change}, before, after, reveal); err != nil {
			return err
		}
	}
	return nil
}

// parseFolder reads a folder, with or without its last slash.
func parseFolder(text string) (myvault.Prefix, error) {
	prefix, err := parsePrefix(text)
	if prefix.Path != "" && !strings.HasSuffix(prefix.Path, "/") {
		prefix.Path += "/"
	}
	return prefix, err
}

// readFolder reads all secrets of a folder, by their path below it. Each page is one state of the
// store.
func readFolder(ctx context.Context, v *connect.Vault, prefix myvault.Prefix) (map[string]*myvault.Secret, error) {
	secrets := make(map[string]*myvault.Secret)
	options := myvault.ListOptions{Prefix: prefix}
	for more := true; more; {
		page, err := v.GetPage(ctx, options, 1000)
		if err != nil {
			return nil, err
		}
		for _, s := range page.Items {
			secrets[strings.TrimPrefix(s.Path, prefix.Path)] = &s
		}
		options.After, more = page.Next, page.More
	}
	return secrets, nil
}
