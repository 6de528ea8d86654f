// Package operate has the commands that work on a store and its files.
package operate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

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

// run returns a run function. It prints the result, or its JSON, also if the command failed after
// part of its work. If the command is stopped by a signal, its error begins with stopped, which
// describes the state and the next step.
func (p *Program) run(stopped string, action func(ctx context.Context, args []string) (fmt.Stringer, error)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		result, err := action(cmd.Context(), args)
		if result != nil {
			err = errors.Join(err, p.print(result))
		}
		return setup.StopError(cmd.Context(), err, stopped)
	}
}

// print prints a result.
func (p *Program) print(result fmt.Stringer) error {
	if *p.JSON {
		encoder := json.NewEncoder(p.Out)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(result)
	}
	_, err := io.WriteString(p.Out, result.String())
	return err
}

func (p *Program) moveCommand() *cobra.Command {
	c := move.Command(p.Err, func(action func(ctx context.Context) (fmt.Stringer, error)) func(*cobra.Command, []string) error {
		const stopped = "the secrets copied so far are complete in the target; run the same command again to continue"
		return p.run(stopped, func(ctx context.Context, _ []string) (fmt.Stringer, error) { return action(ctx) })
	})
	c.Annotations = Fields(move.Report{})
	return c
}
