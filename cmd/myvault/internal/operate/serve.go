package operate

import (
	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/server"
)

// Serve returns the command that serves the vault. ended makes an error of its exit code: it prints
// its own errors.
func Serve(ended func(code int) error) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Serve the vault over HTTP",
		Long:  server.Help(),
		Example: `  myvault serve
  PORT=9000 MYVAULT_PROVIDER=memory myvault serve`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return ended(server.Run()) },
	}
}
