// Package operate has the commands that work on a store and its files.
package operate

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/move"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/setup"
)

// Program is what the commands use of the program that has them.
type Program struct {
	Out      io.Writer
	Err      *os.File // for progress
	JSON     *bool
	Settings *connect.Settings
}

// Commands returns the commands.
func (p *Program) Commands() []*cobra.Command {
	return []*cobra.Command{
		p.initCommand(), p.backupCommand(), p.verifyCommand(), p.restoreCommand(), p.pruneCommand(), p.rekeyCommand(),
		p.moveCommand(), p.lintCommand(), p.healthCommand(), p.doctorCommand(),
	}
}

// output is the JSON of a command.
type output struct {
	Command string   `json:"command"`
	Output  []string `json:"output"` // the lines of its text
}

// run returns a run function. If the command is stopped by a signal, its error begins with stopped,
// which describes the state and the next step.
func (p *Program) run(stopped string, action func(ctx context.Context, out io.Writer, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		if !*p.JSON {
			return setup.StopError(ctx, action(ctx, p.Out, args), stopped)
		}
		var text bytes.Buffer
		if err := action(ctx, &text, args); err != nil {
			return setup.StopError(ctx, err, stopped)
		}
		return json.NewEncoder(p.Out).Encode(output{cmd.Name(), strings.Split(strings.TrimSpace(text.String()), "\n")})
	}
}

func (p *Program) moveCommand() *cobra.Command {
	return move.Command(p.Err, func(action func(ctx context.Context, out io.Writer) error) func(*cobra.Command, []string) error {
		const stopped = "the secrets copied so far are complete in the target; run the same command again to continue"
		return p.run(stopped, func(ctx context.Context, out io.Writer, _ []string) error { return action(ctx, out) })
	})
}
