// Package cli is the command tree of myvault: one file for each noun.
package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/operate"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/run"
)

// The exit codes of all commands but run, which has those of the program it starts.
const (
	exitFailed = 1
	exitUsage  = 2
	exitPipe   = 128 + 13 // the reader of the output has gone, as a shell reports SIGPIPE
)

// app is one run of the command.
type app struct {
	stdin    *os.File
	stdout   *os.File
	stderr   *os.File
	out      *bufio.Writer // of stdout
	err      io.Writer     // of stderr, for messages
	environ  map[string]string
	settings connect.Settings
	signals  signals
	json     bool
	started  bool // the arguments are valid

	wholeStore bool // the command works on a whole store, in more than one change
}

// Main runs the command and returns its exit code.
func Main(args, environ []string) int {
	// Once SIGPIPE is caught, writes to a closed pipe fail instead of ending the process, so the
	// store is closed. Unlike an ignored signal, it keeps its default in child processes.
	signal.Notify(make(chan os.Signal, 1), brokenPipe...)
	a := &app{
		stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: parseEnviron(environ),
	}
	closeOutput := a.openOutput()
	ctx, stop := a.signals.context()
	defer stop()
	a.settings.Environ = a.environ
	root := a.root()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	err = errors.Join(err, closeOutput())
	code := a.exit(ctx, err)
	if _, ended := errors.AsType[exitCode](err); code == exitUsage && !ended && cmd.Name() == "run" {
		return run.ExitFailed // 2 would be that of the program
	}
	return code
}

// exit reports err and returns the exit code.
func (a *app) exit(ctx context.Context, err error) int {
	if code, ok := errors.AsType[exitCode](err); ok {
		return int(code)
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, syscall.EPIPE):
		return exitPipe
	case !a.started || isUsage(err):
		fmt.Fprintf(a.err, "myvault: %s\n", strings.TrimSpace(strings.TrimPrefix(err.Error(), "myvault: ")))
		return exitUsage
	}
	fmt.Fprintf(a.err, "myvault: %s\n", a.describe(ctx, err))
	if code, stopped := signalCode(ctx, err); stopped {
		return code
	}
	return exitFailed
}

// exitCode is the error of a command that has reported its failure itself.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// usageError is an error of the arguments.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func isUsage(err error) bool {
	_, ok := errors.AsType[usageError](err)
	return ok
}

func parseEnviron(environ []string) map[string]string {
	all := make(map[string]string, len(environ))
	for _, item := range environ {
		if name, value, found := strings.Cut(item, "="); found {
			all[name] = value
		}
	}
	return all
}

const rootHelp = `Works with the secrets of a vault.

A command calls the server at --url, at MYVAULT_URL, or at the address in the
.env of this directory. With --local it opens the store of that .env itself,
whether or not its server is running.

Over HTTP it identifies itself with --service and --token-file, or with the
settings MYVAULT_SERVICE and MYVAULT_TOKEN_FILE or MYVAULT_TOKEN. A token
without a service is a capability token. If there is no token, it uses the file
client.headers that the first run of a server leaves in its data directory.

A .env that MYVAULT_ENV does not name may be that of a foreign checkout. If it
sets MYVAULT_ADDR or PORT, only a client.headers below its directory is sent
there. For other tokens, set MYVAULT_URL or MYVAULT_ENV.

These settings come from the environment: MYVAULT_URL, MYVAULT_SERVICE,
MYVAULT_TOKEN_FILE, MYVAULT_TOKEN, MYVAULT_CACERT, MYVAULT_CLIENT_CERT,
MYVAULT_CLIENT_KEY and MYVAULT_LOCAL=true. A URL with http must be one of this
machine, unless MYVAULT_PLAINTEXT=true: the network could read every value.

Values are never arguments: they are read from standard input or a file.
--json prints one JSON object per line.

The exit code is 0, 1 for a failure, 2 for wrong arguments, 141 if the reader of
the output has gone, and 128 and the number of a signal that stopped the
command. run has those of its program.`

// The groups of commands in the help.
const (
	groupSecrets  = "secrets"
	groupPrograms = "programs"
	groupPolicy   = "policy"
	groupOperate  = "operate"
)

// root returns the command tree.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:               "myvault",
		Short:             "Works with the secrets of a vault",
		Long:              rootHelp,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: a.start,
		DisableAutoGenTag: true,
	}
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetHelpCommandGroupID(groupOperate)
	root.SetCompletionCommandGroupID(groupOperate)
	root.AddGroup(
		&cobra.Group{ID: groupSecrets, Title: "Secrets:"},
		&cobra.Group{ID: groupPrograms, Title: "Programs and files:"},
		&cobra.Group{ID: groupPolicy, Title: "Policy and trail:"},
		&cobra.Group{ID: groupOperate, Title: "Operations:"},
	)
	a.addFlags(root)
	for _, group := range []struct {
		id       string
		commands []*cobra.Command
	}{
		{groupSecrets, a.secretCommands()},
		{groupPrograms, a.programCommands()},
		{groupPolicy, a.policyCommands()},
		{groupOperate, a.operateCommands()},
	} {
		for _, c := range group.commands {
			c.GroupID = group.id
			root.AddCommand(c)
		}
	}
	return root
}

// start checks the flags. cobra would check them later, when an error no longer counts as one of
// the arguments.
func (a *app) start(c *cobra.Command, _ []string) error {
	a.wholeStore = c.GroupID == groupOperate
	if err := errors.Join(c.ValidateRequiredFlags(), c.ValidateFlagGroups()); err != nil {
		return err
	}
	a.started = true
	return nil
}

func (a *app) addFlags(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.StringVar(&a.settings.URL, "url", "", "`URL` of the server")
	flags.StringVar(&a.settings.Service, "service", "", "the `service` to act as")
	flags.StringVar(&a.settings.TokenFile, "token-file", "", "`file` with the token")
	flags.StringVar(&a.settings.CACert, "cacert", "", "`file` with the authority of the server's certificate")
	flags.StringVar(&a.settings.Certificate, "cert", "", "`file` with a client certificate")
	flags.StringVar(&a.settings.Key, "key", "", "`file` with the key of the client certificate")
	flags.BoolVar(&a.settings.Local, "local", false, "open the store itself, without a server")
	flags.BoolVar(&a.json, "json", false, "print one JSON object per line")
	for _, name := range []string{"token-file", "cacert", "cert", "key"} {
		_ = root.MarkPersistentFlagFilename(name)
	}
}

func (a *app) secretCommands() []*cobra.Command {
	return []*cobra.Command{
		a.getCommand(), a.putCommand(), a.listCommand(), a.historyCommand(), a.diffCommand(),
		a.deleteCommand(), a.undeleteCommand(), a.destroyCommand(), a.projectCommand(),
	}
}

func (a *app) programCommands() []*cobra.Command {
	return []*cobra.Command{a.runCommand(), a.importCommand(), a.exportCommand(), a.editCommand()}
}

func (a *app) policyCommands() []*cobra.Command {
	return []*cobra.Command{
		a.whoCommand(), a.explainCommand(), a.whoamiCommand(), a.auditCommand(), a.usageCommand(),
		a.dueCommand(), a.tokenCommand(),
	}
}

func (a *app) operateCommands() []*cobra.Command {
	program := &operate.Program{Out: a.out, Err: a.stderr, JSON: &a.json, Settings: &a.settings}
	serve := operate.Serve(func(code int) error { return codeOf(code, nil) })
	return append(program.Commands(), serve, a.versionCommand(), a.manCommand(), a.docsCommand())
}

// action is what a command does with a vault.
type action = func(ctx context.Context, v *connect.Vault, args []string) error

// withVault returns a run function that opens the vault before action and closes it afterwards. It
// is for commands that only read.
func (a *app) withVault(do action) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) (err error) {
		v, err := connect.Open(cmd.Context(), a.settings)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, v.Close()) }()
		return a.suggest(cmd.Context(), v, do(cmd.Context(), v, args))
	}
}

// withWritable is withVault for commands that change the vault.
func (a *app) withWritable(do action) func(*cobra.Command, []string) error {
	run := a.withVault(do)
	return func(cmd *cobra.Command, args []string) error {
		a.settings.Write = true
		return run(cmd, args)
	}
}
