package operate

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/server"
)

func (p *Program) lintCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lint",
		Short: "Check the settings of a server and its policy",
		Long: `Makes every check of a start of the server, and reports rules without an effect
or with less reach than they seem to have. It starts and creates nothing. The
exit code is 1 if there are findings.`,
		Example:     `  MYVAULT_ENV=new.env myvault lint`,
		Args:        cobra.NoArgs,
		Annotations: Fields(server.LintReport{}),
		RunE: p.run("run the command again", func(ctx context.Context, _ []string) (fmt.Stringer, error) {
			report, err := server.Lint(ctx)
			if report == nil {
				return nil, err
			}
			return report, err
		}),
	}
}
