package operate

import (
	"context"
	"errors"
	"fmt"
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
		Args:        cobra.NoArgs,
		Annotations: Fields(healthResult{}),
		RunE:        p.run("run the command again", p.health),
	}
}

// healthResult is a vault that takes requests.
type healthResult struct {
	Where string `json:"where" help:"the URL of the server, or the store"`
}

func (r healthResult) String() string { return "ok: " + r.Where + "\n" }

func (p *Program) health(ctx context.Context, _ []string) (fmt.Stringer, error) {
	where, err := p.askHealth(ctx)
	if err != nil {
		return nil, err
	}
	return healthResult{where}, nil
}

// askHealth returns the vault that takes requests.
func (p *Program) askHealth(ctx context.Context) (where string, err error) {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	if p.Settings.URL == "" && p.Settings.Environ["MYVAULT_URL"] == "" && !p.Settings.IsLocal() {
		return server.Health(ctx, os.Environ())
	}
	v, err := connect.Anonymous(ctx, *p.Settings)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	if err := v.Ready(ctx); err != nil {
		return "", fmt.Errorf("%s is not ready: %w", v.Where, err)
	}
	return v.Where, nil
}
