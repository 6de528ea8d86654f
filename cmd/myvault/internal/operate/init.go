package operate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/setup"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

const initHelp = `Creates what the first run of a server creates: a directory with a store, a new
master key, and one service with a random token that may do everything. It is
MYVAULT_DATA, or data in this directory. What is already there stays the same.`

func (p *Program) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Create a store with a key and a service",
		Long:  initHelp,
		Example: `  myvault init
  MYVAULT_DATA=/srv/vault myvault init`,
		Args:        cobra.NoArgs,
		Annotations: Fields(initResult{}),
		RunE:        p.run("run the command again", initialize),
	}
}

// initResult has the paths of what there is after init.
type initResult struct {
	Store    string `json:"store" help:"the directory of the store"`
	Settings string `json:"settings" help:"the .env, with the master key"`
	Token    string `json:"token_file" help:"the file with the token of the service local"`
}

func (r initResult) String() string {
	return fmt.Sprintf("Store: %s\nSettings, with the master key: %s\nToken of the service local: %s\n", r.Store, r.Settings, r.Token)
}

func initialize(ctx context.Context, _ []string) (fmt.Stringer, error) {
	data := cmp.Or(os.Getenv("MYVAULT_DATA"), "data")
	env := filepath.Join(data, ".env")
	if path := os.Getenv("MYVAULT_ENV"); path != "" {
		return nil, fmt.Errorf("MYVAULT_ENV is %s: init makes a .env of its own; unset it", path)
	}
	if err := setup.FirstRun(data); err != nil {
		return nil, err
	}
	environ := append(os.Environ(), "MYVAULT_ENV="+env, "MYVAULT_DATA="+data)
	_, settings, err := setup.ServerSettings(environ)
	if err != nil {
		return nil, err
	}
	dir, keys, err := setup.StoreSettings(environ)
	if err != nil {
		return nil, err
	}
	store, err := sqlite.Open(ctx, dir, keys, sqlite.Config{})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(store.Close(), setup.WriteHeaders(env, settings, settings)); err != nil {
		return nil, err
	}
	return initResult{dir, env, filepath.Join(data, setup.Headers)}, nil
}
