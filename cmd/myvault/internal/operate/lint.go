package operate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/setup"
	"github.com/myswiftagent/myvault/internal/stores"
)

func (p *Program) lintCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lint",
		Short: "Check the settings of the store and the policy",
		Long: `Checks the settings of the store and the policy in the .env, and reports rules
without effect. It creates and opens nothing. The exit code is 1 if there are
findings.`,
		Example: `  MYVAULT_ENV=new.env myvault lint`,
		Args:    cobra.NoArgs,
		RunE:    p.run("run the command again", lint),
	}
}

func lint(ctx context.Context, out io.Writer, _ []string) error {
	path, settings, err := setup.ServerSettings(os.Environ())
	if err != nil {
		return err
	}
	if path == "" && settings["ALLOWED_SERVICES"] == "" {
		return errors.New("no .env in this directory or in MYVAULT_DATA; set MYVAULT_ENV to it")
	}
	store, err := setup.Parse[stores.Settings](settings)
	if err == nil {
		err = store.Check(ctx)
	}
	policy, policyErr := myvault.ParsePolicy(settings)
	if err := errors.Join(err, policyErr); err != nil {
		return err
	}
	return lintPolicy(out, policy)
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
