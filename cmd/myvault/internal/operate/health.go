package operate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/server"
)

// healthTimeout limits how long a server may take to answer.
const healthTimeout = 4 * time.Second

func (p *Program) healthCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "health",
		Short: "Check that the server takes requests",
		Long: `Checks that the server at --url or MYVAULT_URL takes requests. Without a URL it
asks the server with these settings on this machine, and with --local it opens
the store. It needs no token. If every client needs a certificate, it only
checks that the server asks for one.`,
		Example: `  myvault health && echo up
  myvault health --local`,
		Args: cobra.NoArgs,
		RunE: p.run("run the command again", p.health),
	}
}

func (p *Program) health(ctx context.Context, out io.Writer, _ []string) (err error) {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	if p.Settings.URL == "" && p.Settings.Environ["MYVAULT_URL"] == "" && !p.Settings.IsLocal() {
		if err := server.Health(ctx, os.Environ()); err != nil {
			return err
		}
		_, err := fmt.Fprintln(out, "ok: the server of these settings")
		return err
	}
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
