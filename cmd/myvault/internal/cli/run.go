package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/run"
)

const runHelp = `Starts a program with the secrets of a folder in its environment.

The variable of a secret is its path below the folder: letters in upper case,
and every other character but a digit as "_". newsbot/prod/db/password below
newsbot/prod/ is DB_PASSWORD. A path that begins with a digit gets "_" before
it. --map db/password=PGPASSWORD gives another name. Variables override those
of the environment. MYVAULT_TOKEN and MSA_MASTER_KEY are not passed on.

The program is not started if the secrets cannot be read, if there are none, if
two have the same name, or if no variable can have a value. A name that changes
how programs run needs --map, so that writing a secret is not enough to choose
it: those that shells, loaders, interpreters and HTTP clients act on, such as
PATH, LD_PRELOAD, NODE_OPTIONS or HTTPS_PROXY, and all that begin with LD_,
DYLD_, MYVAULT_, MSA_ or VAULT_. A name with other letters than ASCII needs it
too.

Values of at least four bytes in the output are replaced by ********. Where the
output is a terminal, the program gets a pseudo-terminal. Output that may be the
beginning of a value is held back until more follows. --no-mask turns this off.
Windows has no pseudo-terminal here: the output of the program is a pipe.

Signals are passed on to the program and its child processes. The exit code is
that of the program, 128 and the number of the signal that ended it, 127 if it
is not found, 126 if it cannot be run, and 125 for any other failure.

--watch restarts the program when a secret changes: SIGTERM, then SIGKILL after
--grace. With --signal it sends a signal instead, to a program that reads the
secrets itself. The vault reports changes at once; one that cannot is read every
--interval. If new values cannot be read, the program keeps running.`

// runOptions are the flags of run.
type runOptions struct {
	names           map[string]string
	noMask, watch   bool
	interval, grace time.Duration
	signal          string
	folder          myvault.Prefix
	args            []string
}

func (a *app) runCommand() *cobra.Command {
	var o runOptions
	c := &cobra.Command{
		Use:   "run FOLDER -- PROGRAM [ARGUMENT...]",
		Short: "Start a program with secrets in its environment",
		Long:  runHelp,
		Example: `  myvault run newsbot/prod/ -- ./server
  myvault run newsbot/prod/ --map db/password=PGPASSWORD -- psql -h db app
  myvault run --watch --grace 30s newsbot/prod/ -- ./server`,
		Args:              cobra.MinimumNArgs(2),
		ValidArgsFunction: a.completeAddress,
	}
	flags := c.Flags()
	flags.StringToStringVar(&o.names, "map", nil, "`path=NAME`: the variable of a secret; can be repeated")
	flags.BoolVar(&o.noMask, "no-mask", false, "do not mask values in the output")
	flags.BoolVar(&o.watch, "watch", false, "restart the program when a secret changes")
	flags.DurationVar(&o.interval, "interval", 5*time.Second, "`time` between two looks where the vault reports no changes")
	flags.DurationVar(&o.grace, "grace", 10*time.Second, "`time` from SIGTERM to SIGKILL")
	flags.StringVar(&o.signal, "signal", "", "`signal` to send on a change instead of a restart, such as HUP")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		if cmd.ArgsLenAtDash() != 1 {
			return a.reportRun(cmd.Context(), usagef("write -- between the folder and the program"))
		}
		var err error
		if o.folder, err = parseFolder(args[0]); err != nil {
			return a.reportRun(cmd.Context(), err)
		}
		o.args = args[1:]
		return a.reportRun(cmd.Context(), a.runProgram(cmd.Context(), o))
	}
	return c
}

// reportRun reports an error of run with the exit codes of run.
func (a *app) reportRun(ctx context.Context, err error) error {
	if _, ended := errors.AsType[exitCode](err); err == nil || ended {
		return err
	}
	if isUsage(err) {
		fmt.Fprintf(a.err, "myvault: %v\n", err)
		return exitCode(run.ExitFailed)
	}
	if failed, ok := errors.AsType[*run.StartError](err); ok {
		fmt.Fprintf(a.err, "myvault: %v\n", failed)
		return exitCode(failed.Code)
	}
	fmt.Fprintf(a.err, "myvault: %s\n", a.describe(ctx, err))
	return exitCode(run.ExitFailed)
}

// runProgram reads the secrets and runs the program. It returns the exit code of the program as an
// error.
func (a *app) runProgram(ctx context.Context, o runOptions) error {
	changes, err := o.changes(a.err)
	if err != nil {
		return err
	}
	v, err := connect.Open(ctx, a.settings)
	if err != nil {
		return err
	}
	if o.watch {
		return errors.Join(a.runWatched(ctx, v, o, changes), v.Close())
	}
	p, _, err := a.program(ctx, v, o)
	if err := errors.Join(err, v.Close()); err != nil { // a local store is not kept open
		return err
	}
	return codeOf(run.Run(p))
}

// changes returns how the program gets new values.
func (o runOptions) changes(stderr io.Writer) (run.Changes, error) {
	// In a raw terminal, a line break alone does not return to the first column.
	c := run.Changes{Grace: o.grace, Report: func(text string) { fmt.Fprintf(stderr, "myvault: %s\r\n", text) }}
	known := true
	if o.signal != "" {
		c.Signal, known = run.ParseSignal(strings.ToUpper(o.signal))
	}
	switch {
	case !known:
		return c, usagef("--signal: want HUP, INT, QUIT, TERM, USR1 or USR2, on a system that has signals")
	case o.interval <= 0:
		return c, usagef("--interval must be positive")
	}
	return c, nil
}

// runWatched runs the program, and again with each set of new values.
func (a *app) runWatched(ctx context.Context, v *connect.Vault, o runOptions, changes run.Changes) error {
	listed, err := listVersions(ctx, v, o.folder) // before reading: a later change is seen as one
	if err != nil {
		return err
	}
	first, read, err := a.program(ctx, v, o)
	if err != nil {
		return err
	}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	programs := make(chan run.Program)
	changes.Programs = programs
	var watcher sync.WaitGroup
	changed := make(chan struct{}, 1)
	watcher.Go(func() { followChanges(watching, v, o, changed) })
	watcher.Go(func() { a.watch(watching, v, o, state{listed, read}, changed, programs, changes.Report) })
	defer watcher.Wait()
	defer stop()
	return codeOf(run.Watch(first, changes))
}

func codeOf(code int, err error) error {
	if err != nil || code == 0 {
		return err
	}
	return exitCode(code)
}

// program reads the secrets and returns the program with them, and their versions.
func (a *app) program(ctx context.Context, v *connect.Vault, o runOptions) (run.Program, map[string]myvault.Version, error) {
	secrets, err := readFolder(ctx, v, o.folder)
	if err != nil {
		return run.Program{}, nil, err
	}
	if len(secrets) == 0 {
		return run.Program{}, nil, fmt.Errorf("there are no secrets below %s that you may read; myvault list %s shows what you may list", myvault.Address(o.folder), o.folder.Project)
	}
	values, versions := make(map[string]myvault.Value), make(map[string]myvault.Version)
	masked := make([][]byte, 0, len(secrets))
	for path, s := range secrets {
		values[path], versions[path] = s.Value, s.Version
		masked = append(masked, s.Value.RevealBytes())
	}
	variables, err := run.Variables(values, o.names)
	if err != nil {
		return run.Program{}, nil, err
	}
	var without []string
	if !v.Remote { // they open the store
		without = []string{"VAULT_TOKEN", "VAULT_SECRET_ID"}
	}
	p := run.Program{Args: o.args, Environ: run.Environ(os.Environ(), variables, without...), Stdin: a.stdin, Stdout: a.stdout, Stderr: a.stderr}
	if !o.noMask {
		p.Mask = run.NewPatterns(masked...)
	}
	return p, versions, nil
}

// state are the versions of a program's secrets: of all that are listed, and of those it has.
type state struct{ listed, read map[string]myvault.Version }

// followChanges signals each change below the folder. While the vault reports none, because its
// store or server cannot or it does not answer, it signals every o.interval.
func followChanges(ctx context.Context, v *connect.Vault, o runOptions, changed chan<- struct{}) {
	signal := func() {
		select {
		case changed <- struct{}{}:
		default: // the last one has not been looked at
		}
	}
	for poll := false; ctx.Err() == nil; {
		if !poll {
			err := eachChange(ctx, v, o.folder, signal)
			poll = errors.Is(err, errors.ErrUnsupported) || errors.Is(err, myvault.ErrNotFound) || errors.Is(err, myvault.ErrDenied)
		}
		select {
		case <-ctx.Done():
		case <-time.After(o.interval):
			signal()
		}
	}
}

// eachChange calls do for each change below the folder, and once the watch has begun.
func eachChange(ctx context.Context, v *connect.Vault, folder myvault.Prefix, do func()) error {
	begun := false
	for e, err := range v.Watch(ctx, myvault.WatchOptions{Prefix: folder}) {
		if err != nil {
			return err
		}
		if !begun || len(e.Changes) > 0 {
			do()
		}
		begun = true
	}
	return nil
}

// watch sends the program with new values if a version has changed. If it cannot read them, it
// tries again every o.interval.
func (a *app) watch(ctx context.Context, v *connect.Vault, o runOptions, current state, changes <-chan struct{}, programs chan<- run.Program, report func(string)) {
	failing := false
	for {
		var again <-chan time.Time
		if failing {
			again = time.After(o.interval)
		}
		select {
		case <-ctx.Done():
			return
		case <-changes:
		case <-again:
		}
		next, changed, err := a.changed(ctx, v, o, &current)
		if err != nil && !failing && ctx.Err() == nil {
			report("the program keeps its values, because new ones could not be read: " + a.describe(ctx, err))
		}
		if failing = err != nil; !changed {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case programs <- next:
		}
	}
}

// changed returns the program with new values if a version has changed since current.
func (a *app) changed(ctx context.Context, v *connect.Vault, o runOptions, current *state) (next run.Program, changed bool, err error) {
	listed, err := listVersions(ctx, v, o.folder)
	if err != nil || maps.Equal(listed, current.listed) {
		return next, false, err
	}
	next, read, err := a.program(ctx, v, o)
	if err != nil {
		return next, false, err
	}
	changed = !maps.Equal(read, current.read)
	*current = state{listed, read}
	return next, changed, nil
}

func listVersions(ctx context.Context, v *connect.Vault, folder myvault.Prefix) (map[string]myvault.Version, error) {
	versions := make(map[string]myvault.Version)
	for i, err := range v.List(ctx, myvault.ListOptions{Prefix: folder}) {
		if err != nil {
			return nil, err
		}
		versions[strings.TrimPrefix(i.Path, folder.Path)] = i.Version
	}
	return versions, nil
}
