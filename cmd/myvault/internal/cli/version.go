package cli

import (
	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/build"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/operate"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:         "version",
		Short:       "Show the version and the commit of this program",
		Example:     `  myvault version --json`,
		Args:        cobra.NoArgs,
		Annotations: operate.Fields(build.Info{}),
		RunE: func(*cobra.Command, []string) error {
			b := build.Read()
			commit := b.Commit
			if b.Modified {
				commit += " with changes"
			}
			return a.print(b, "myvault %s, commit %s, %s, %s", b.Version, commit, b.Go, b.Platform)
		},
	}
}
