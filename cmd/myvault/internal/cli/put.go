package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
)

const putHelp = `Writes a new version of a secret. The value is standard input, or a file; on a
terminal it is asked for without being shown. It is never an argument, which
other users of the machine could see.

If the value is a single line, its line break is removed, so that echo and
editors can be used. --exact keeps every byte.

--generate makes a random value that no person sees: text:LENGTH:ALPHABET with
the alphabet alphanumeric, hex, base64url, readable or printable, or
bytes:NUMBER:ENCODING with base64, base64url, base64url-unpadded or hex.

Times belong to the version: the next one has its own, or none.`

// putOptions are the flags of put.
type putOptions struct {
	file, generate       string
	expires, rotateAfter string
	ifVersion            uint64
	ifAbsent, exact      bool
}

func (a *app) putCommand() *cobra.Command {
	var o putOptions
	c := &cobra.Command{
		Use:   "put ADDRESS",
		Short: "Write a new version of a secret",
		Long:  putHelp,
		Example: `  myvault put newsbot/prod/db < file
  myvault put newsbot/prod/db --generate text:32:alphanumeric --rotate-after 90d
  myvault put newsbot/prod/cert --file cert.pem --expires 2027-01-31 --if-version 4`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeAddress,
	}
	flags := c.Flags()
	flags.StringVar(&o.file, "file", "", "`file` with the value")
	flags.StringVar(&o.generate, "generate", "", "generate the value, such as text:32:alphanumeric")
	flags.StringVar(&o.expires, "expires", "", "`time` after which the value should not be used")
	flags.StringVar(&o.rotateAfter, "rotate-after", "", "`time` when a new value is due")
	flags.Uint64Var(&o.ifVersion, "if-version", 0, "write only if this is the current `version`")
	flags.BoolVar(&o.ifAbsent, "if-absent", false, "write only if there is no such secret")
	flags.BoolVar(&o.exact, "exact", false, "keep the line break of a single line")
	c.MarkFlagsMutuallyExclusive("file", "generate")
	c.MarkFlagsMutuallyExclusive("if-version", "if-absent")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		addr, err := parseAddress(args[0])
		if err != nil {
			return err
		}
		if err := checkIfVersion(cmd); err != nil {
			return err
		}
		n, err := a.newVersion(o)
		if err != nil {
			return err
		}
		return a.withWritable(func(ctx context.Context, v *connect.Vault, _ []string) error {
			return a.put(ctx, v, addr, n, o)
		})(cmd, args)
	}
	return c
}

func (a *app) put(ctx context.Context, v *connect.Vault, addr myvault.Address, n connect.NewVersion, o putOptions) error {
	written, err := v.PutNew(ctx, addr, n, o.conditions()...)
	if err != nil {
		return err
	}
	return a.print(infoOf(written), "%s version %d", written.Address, written.Version)
}

// checkIfVersion returns an error for --if-version 0, which would be no condition.
func checkIfVersion(cmd *cobra.Command) error {
	if f := cmd.Flag("if-version"); f.Changed && f.Value.String() == "0" {
		return usagef("--if-version: want a version from 1; put has --if-absent for a new secret")
	}
	return nil
}

func (o putOptions) conditions() []myvault.Condition {
	switch {
	case o.ifVersion > 0:
		return []myvault.Condition{myvault.IfVersion(myvault.Version(o.ifVersion))}
	case o.ifAbsent:
		return []myvault.Condition{myvault.IfAbsent()}
	}
	return nil
}

// newVersion reads the value and the times.
func (a *app) newVersion(o putOptions) (n connect.NewVersion, err error) {
	var expiresErr, rotateErr error
	n.Expires, expiresErr = parseTime("expires", o.expires, false)
	n.RotateAfter, rotateErr = parseTime("rotate-after", o.rotateAfter, false)
	if err := errors.Join(expiresErr, rotateErr); err != nil {
		return n, err
	}
	if o.generate != "" {
		if n.Generate, err = connect.ParseGenerator(o.generate); err != nil {
			return n, usagef("--generate: want text:LENGTH:ALPHABET or bytes:NUMBER:ENCODING with at least 64 random bits, such as text:32:alphanumeric")
		}
		return n, nil
	}
	data, err := a.readValue(o)
	if err != nil {
		return n, err
	}
	if len(data) == 0 {
		return n, usagef("the value is empty; nothing was written")
	}
	n.Value = myvault.Bytes(data)
	return n, n.Value.Validate()
}

// readValue reads the value from the file, the terminal or standard input.
func (a *app) readValue(o putOptions) ([]byte, error) {
	in := io.Reader(a.stdin)
	switch {
	case o.file != "":
		f, err := os.Open(o.file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	case term.IsTerminal(int(a.stdin.Fd())):
		return a.askValue()
	}
	data, err := io.ReadAll(io.LimitReader(in, myvault.MaxValue+2)) // with a line break to remove
	if err != nil || o.exact {
		return data, err
	}
	return oneLine(data), nil
}

// oneLine removes the line break of a single line.
func oneLine(data []byte) []byte {
	line, found := bytes.CutSuffix(data, []byte("\n"))
	if !found || bytes.ContainsRune(line, '\n') {
		return data
	}
	return bytes.TrimSuffix(line, []byte("\r"))
}

// maxTyped is how many characters [term.Terminal] reads of a line. It drops the rest.
const maxTyped = 4096

// askValue asks for a value twice, without showing it. The terminal stops echoing before the
// question.
func (a *app) askValue() ([]byte, error) {
	state, err := term.MakeRaw(int(a.stdin.Fd()))
	if err != nil {
		return nil, err
	}
	defer func() { _ = term.Restore(int(a.stdin.Fd()), state) }()
	terminal := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{a.stdin, a.stderr}, "")
	var answers [2]string
	for i, prompt := range []string{"Value: ", "Again: "} {
		if answers[i], err = terminal.ReadPassword(prompt); err != nil {
			return nil, fmt.Errorf("the value could not be read from the terminal (%w); nothing was written", err)
		}
	}
	switch {
	case answers[0] != answers[1]:
		return nil, errors.New("the two values differ; nothing was written")
	case utf8.RuneCountInString(answers[0]) >= maxTyped:
		return nil, errors.New("the value is too long for a terminal: use --file; nothing was written")
	}
	return []byte(answers[0]), nil
}
