// Package move copies a vault with all versions from one provider to another.
package move

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/setup"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/stores"
	"github.com/myswiftagent/myvault/internal/trusted"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/pyvault"
	"github.com/myswiftagent/myvault/transfer"
)

const help = `Copies a vault with all versions from the provider of one .env to the provider
of another, and verifies that both are equal.

Stop all writers of the source first, or copy twice: once while it serves, which
takes most of the time, and again after it has stopped. Other settings in the
.env are ignored. The settings of each side are

`

// options are the flags.
type options struct {
	from, to     string
	skipProblems bool
	rename       map[string]string
	copy         transfer.Options
}

// Command returns the command. wrap makes its run function, and progress is a terminal or a file.
func Command(progress *os.File, wrap func(func(ctx context.Context) (fmt.Stringer, error)) func(*cobra.Command, []string) error) *cobra.Command {
	o := options{rename: make(map[string]string)}
	c := &cobra.Command{
		Use:   "move",
		Short: "Copy a vault to another provider",
		Long:  help + strings.TrimRight(setup.Help[stores.Settings](), "\n"),
		Example: `  myvault move --from old.env --to new.env --dry-run
  myvault move --from old.env --to new.env`,
		Args: cobra.NoArgs,
		RunE: wrap(func(ctx context.Context) (fmt.Stringer, error) {
			report, err := run(ctx, o, progress)
			if !report.begun() {
				return nil, err
			}
			return report, err
		}),
	}
	flags := c.Flags()
	flags.StringVar(&o.from, "from", "", "the `.env` of the source")
	flags.StringVar(&o.to, "to", "", "the `.env` of the target")
	flags.BoolVar(&o.copy.DryRun, "dry-run", false, "only report what would be copied, and problems")
	flags.BoolVar(&o.copy.DestroyUnreadable, "destroy-unreadable", false, "copy versions whose value cannot be read as destroyed, instead of failing")
	flags.BoolVar(&o.skipProblems, "skip-problems", false, "skip entries of the Python service's file that cannot be copied, instead of failing")
	flags.IntVar(&o.copy.Parallel, "parallel", 0, "`number` of secrets to copy at once (0: 64)")
	flags.StringVar(&o.copy.By, "by", "move", "the `service` in the trail entries")
	flags.StringToStringVar(&o.rename, "rename", nil, "`old=new`: rename a project or project/path of the Python service; can be repeated")
	for _, name := range []string{"from", "to"} {
		_ = c.MarkFlagRequired(name)
		_ = c.MarkFlagFilename(name)
	}
	return c
}

func run(ctx context.Context, o options, progress *os.File) (*Report, error) {
	from, err := load(o.from)
	if err != nil {
		return newReport(nil), err
	}
	to, err := load(o.to)
	if err != nil {
		return newReport(nil), err
	}
	src, skipped, err := openSource(ctx, from, o)
	report := newReport(skipped)
	if err != nil {
		return report, fmt.Errorf("source: %w", err)
	}
	return report, errors.Join(move(ctx, to, src, o, report, progress), src.Close())
}

// load reads the settings of one side. It ignores the environment, which is the same for both
// sides.
func load(path string) (stores.Settings, error) {
	f, err := trusted.Open(path, trusted.Anyone)
	if err != nil {
		return stores.Settings{}, err
	}
	defer f.Close()
	all, err := myvault.ReadEnv(f)
	if err != nil {
		return stores.Settings{}, fmt.Errorf("%s: %w", path, err)
	}
	if err := setup.CheckPrivate(path, all); err != nil {
		return stores.Settings{}, err
	}
	settings, err := setup.Parse[stores.Settings](all)
	if err != nil {
		return settings, fmt.Errorf("%s: %w", path, err)
	}
	return settings, nil
}

// openSource opens the source. It returns the entries of the Python service's file that cannot be
// copied.
func openSource(ctx context.Context, s stores.Settings, o options) (src myvault.Provider, skipped []pyvault.Problem, err error) {
	if s.Provider != "python" {
		src, err = requireStore(s.Open(ctx, false))
		return src, nil, err
	}
	old, err := s.OpenPython(ctx, o.rename)
	if err != nil {
		return nil, nil, err
	}
	skipped = old.Problems()
	if n := len(skipped); n > 0 && !o.skipProblems {
		return nil, skipped, errors.Join(fmt.Errorf("%d entries cannot be copied; fix them with --rename or in the file, or skip them with --skip-problems", n), old.Close())
	}
	return old, skipped, nil
}

// requireStore returns an error if the provider has no store, which usually means wrong settings.
func requireStore(p myvault.Provider, err error) (myvault.Provider, error) {
	if err != nil {
		return nil, err
	}
	if named, ok := p.(myvault.Incarnation); ok && named.Incarnation() == "" {
		return nil, errors.Join(errors.New("no store found; check VAULT_MOUNT and VAULT_BASE"), p.Close())
	}
	return p, nil
}

// sameStore reports whether a and b are the same store.
func sameStore(a, b myvault.Provider) bool {
	first, ok := a.(myvault.Incarnation)
	if !ok || first.Incarnation() == "" {
		return false
	}
	second, ok := b.(myvault.Incarnation)
	return ok && first.Incarnation() == second.Incarnation()
}

// move copies to the target and adds the result to the report.
func move(ctx context.Context, to stores.Settings, src myvault.Provider, o options, report *Report, progress *os.File) (err error) {
	dst, err := to.Open(ctx, !o.copy.DryRun)
	if o.copy.DryRun && errors.Is(err, os.ErrNotExist) {
		dst, err = memory.New(memory.Config{}), nil // a dry run creates no store
	}
	if err != nil {
		return fmt.Errorf("target: %w", err)
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	if sameStore(src, dst) {
		return errors.New("source and target are the same store; they need different settings of MYVAULT_DATA, or of VAULT_ADDR, VAULT_MOUNT and VAULT_BASE")
	}
	if to.Provider == "hashivault" && o.copy.DryRun {
		o.copy.Trail = myvault.NoTrail{} // a dry run creates no trail
	} else if trail, err := to.Trail(ctx); err != nil {
		return fmt.Errorf("trail of the target: %w", err)
	} else if trail != nil {
		o.copy.Trail = trail
		defer func() { err = errors.Join(err, trail.Close()) }()
	}
	o.copy.Progress = newBar(progress).update
	copied, err := transfer.Copy(ctx, dst, src, o.copy)
	report.add(copied, err == nil && copied.Equal())
	return err
}
