package operate

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/server"
)

func (p *Program) lintCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lint",
		Short: "Check the settings of a server and its policy",
		Long: `Makes every check of a start of the server, and reports rules without an effect
or with less reach than they seem to have. It starts and creates nothing. The
exit code is 1 if there are findings.`,
		Example: `  MYVAULT_ENV=new.env myvault lint`,
		Args:    cobra.NoArgs,
		RunE: p.run("run the command again", func(ctx context.Context, out io.Writer, _ []string) error {
			return server.Lint(ctx, out)
		}),
	}
}

// lintPolicy prints the findings. Notes are no findings.
func lintPolicy(out io.Writer, policy *myvault.Policy) error {
	findings := 0
	for _, f := range policy.Lint() {
		if f.Note {
			fmt.Fprintln(out, "note:", f)
			continue
		}
		findings++
		fmt.Fprintln(out, f)
	}
	for _, name := range policy.WeakTokens() {
		findings++
		fmt.Fprintf(out, "TOKEN_%s: a token has fewer than 16 characters or is a published example; it can be guessed\n", name)
	}
	if findings > 0 {
		return fmt.Errorf("%d findings: rules without effect, or with an effect that is probably not intended", findings)
	}
	_, err := fmt.Fprintf(out, "ok: %d services\n", len(policy.Services()))
	return err
}
