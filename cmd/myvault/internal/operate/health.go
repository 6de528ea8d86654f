package operate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
)

// healthTimeout limits how long a server may take to answer.
const healthTimeout = 4 * time.Second

func (p *Program) healthCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "health",
		Short: "Check that the server takes requests",
		Long: `Checks that the server and its store take requests, or with --local that the
store can be opened and answers. It needs no token of the server.`,
		Example: `  myvault health && echo up
  myvault health --local`,
		Args: cobra.NoArgs,
		RunE: p.run("run the command again", p.health),
	}
}

func (p *Program) health(ctx context.Context, out io.Writer, _ []string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	v, err := connect.Anonymous(ctx, *p.Settings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	if err := v.Ready(ctx); err != nil {
		return fmt.Errorf("%s is not ready: %w", v.Where, err)
	}
	_, err = fmt.Fprintf(out, "ok: %s\n", v.Where)
	return err
}
