package cli

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/edit"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/run"
)

const editHelp = `Opens a secret in VISUAL, EDITOR or vi, and writes what you save as a new
version.

The value is in a directory that only you can open, in memory: below
XDG_RUNTIME_DIR or /dev/shm. If the system has none, as macOS and Windows,
--dir must name one. vim, nano and emacs are told to keep no swap, backup, undo
and history files; other editors may keep some elsewhere. emacsclient and other
editors that send the file to a running program keep files as that program is
set. The editor must end only when you are done: code needs --wait, and
emacsclient no -n.

Nothing is written if the value is the same, if the editor fails, or if the
secret was changed meanwhile. Then you see the lines that differ, and can edit
again or write yours over the other one.`

func (a *app) editCommand() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "edit ADDRESS",
		Short: "Change a secret in an editor",
		Long:  editHelp,
		Example: `  myvault edit newsbot/prod/db
  EDITOR=nano myvault edit newsbot/prod/config.yaml`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeAddress,
	}
	c.Flags().StringVar(&dir, "dir", "", "`directory` for the value, where there is none in memory")
	_ = c.MarkFlagDirname("dir")
	c.RunE = a.withWritable(func(ctx context.Context, v *connect.Vault, args []string) error {
		addr, err := parseAddress(args[0])
		if err != nil {
			return err
		}
		return a.edit(ctx, v, addr, dir)
	})
	return c
}

func (a *app) edit(ctx context.Context, v *connect.Vault, addr myvault.Address, dir string) (err error) {
	e := editing{app: a, vault: v, addr: addr}
	if err := e.read(ctx); err != nil {
		return err
	}
	editor := edit.Editor{
		Command: cmp.Or(a.environ["VISUAL"], a.environ["EDITOR"], "vi"), Dir: dir,
		Environ: run.Environ(os.Environ(), nil), Stdin: a.stdin, Stdout: a.stdout, Stderr: a.stderr,
	}
	a.signals.edit()
	file, err := editor.Open(path.Base(addr.Path), e.before)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	for again := true; again; {
		value, err := file.Edit(ctx)
		if err != nil {
			return err
		}
		if again, err = e.write(ctx, value); err != nil {
			return err
		}
	}
	return nil
}

// editing is a secret that is being edited.
type editing struct {
	app       *app
	vault     *connect.Vault
	addr      myvault.Address
	before    []byte // the current value
	version   myvault.Version
	condition myvault.Condition // that the secret is still the same
}

// read reads the current value. A secret that does not exist is empty.
func (e *editing) read(ctx context.Context) error {
	secret, err := e.vault.Get(ctx, e.addr)
	if errors.Is(err, myvault.ErrNotFound) {
		e.before, e.version, e.condition = nil, 0, myvault.IfAbsent()
		return nil
	}
	e.before, e.version, e.condition = secret.Value.RevealBytes(), secret.Version, myvault.IfVersion(secret.Version)
	return err
}

// write writes a value. It reports true if the user lost a race and wants to edit again.
func (e *editing) write(ctx context.Context, value []byte) (again bool, err error) {
	for {
		switch {
		case bytes.Equal(value, e.before):
			return false, e.app.print(map[string]string{"address": e.addr.String(), "change": "same"}, "the value is the same; nothing was written")
		case len(value) == 0:
			return false, errors.New("the value is empty; nothing was written; myvault delete deletes a secret")
		}
		written, err := e.vault.PutVersion(ctx, e.addr, myvault.NewVersion{Value: myvault.Bytes(value)}, e.condition)
		if err == nil {
			return false, e.app.print(infoOf(written), "%s version %d", written.Address, written.Version)
		}
		lost := errors.Is(err, myvault.ErrConflict) || errors.Is(err, myvault.ErrExists) || errors.Is(err, myvault.ErrNotFound)
		if !lost || !term.IsTerminal(int(e.app.stdin.Fd())) {
			return false, err
		}
		if err := e.read(ctx); err != nil {
			return false, err
		}
		answer := e.ask(ctx, value)
		if err := ctx.Err(); err != nil {
			return false, err
		}
		switch answer {
		case "e":
			return true, nil
		case "w":
		default:
			return false, errors.New("nothing was written")
		}
	}
}

// ask shows what another caller has written meanwhile, and asks what to do.
func (e *editing) ask(ctx context.Context, value []byte) string {
	fmt.Fprintf(e.app.err, "%s was changed meanwhile (version %d). From that version to yours:\n%s", e.addr, e.version, edit.Diff(string(e.before), string(value)))
	fmt.Fprint(e.app.err, "(e)dit yours again, (w)rite yours over it, or (q)uit? ")
	e.app.signals.editing.Store(false) // Ctrl-C quits here
	defer e.app.signals.editing.Store(true)
	answers := make(chan string, 1)
	go func() {
		answer, _ := bufio.NewReader(e.app.stdin).ReadString('\n')
		answers <- answer
	}()
	select {
	case <-ctx.Done():
		return ""
	case answer := <-answers:
		return strings.ToLower(strings.TrimSpace(answer))
	}
}
