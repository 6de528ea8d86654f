package connect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/setup"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/stores"
	"github.com/myswiftagent/myvault/tokens"
	"github.com/myswiftagent/myvault/usage"
)

// openLocal opens the store that the .env describes, with its policy.
func openLocal(ctx context.Context, s Settings) (*Vault, error) {
	vault, store, err := openVault(ctx, s)
	if err != nil {
		return nil, err
	}
	opened, err := localVault(vault, store, s)
	if err != nil {
		return nil, errors.Join(err, vault.Close())
	}
	return opened, nil
}

func localVault(vault *myvault.Vault, store stores.Settings, s Settings) (*Vault, error) {
	service, err := localService(vault.Policy(), cmp.Or(s.Service, s.Environ["MYVAULT_SERVICE"]))
	if err != nil {
		return nil, err
	}
	issuer, err := tokens.New(vault, tokens.Config{})
	if err != nil {
		return nil, err
	}
	index, err := usage.New(vault)
	if err != nil {
		return nil, err
	}
	session := vault.As(service).Via("command", "")
	return &Vault{
		Session: session,
		Tokens:  localTokens{issuer, session},
		Where:   "the store in " + store.Data,
		usage: func(ctx context.Context, o usage.Options, limit int) (usage.Page, error) {
			return index.Page(ctx, session, o, limit)
		},
		ready: vault.Ready,
		close: vault.Close,
	}, nil
}

// openVault opens the vault of the settings in the .env and the environment.
func openVault(ctx context.Context, s Settings) (*myvault.Vault, stores.Settings, error) {
	path, all, err := setup.LocalSettings(s.environ())
	if err != nil {
		return nil, stores.Settings{}, err
	}
	if all["ALLOWED_SERVICES"] == "" && path == "" {
		return nil, stores.Settings{}, fmt.Errorf("%w: no .env here or in the data directory; start in the directory of the server, set MYVAULT_ENV to its .env, or run myvault init", ErrSettings)
	}
	store, err := setup.Parse[stores.Settings](all)
	if err != nil {
		return nil, store, err
	}
	policy, err := myvault.ParsePolicy(all)
	if err != nil {
		return nil, store, fmt.Errorf("the policy of %s: %w", cmp.Or(path, "the environment"), err)
	}
	provider, err := openProvider(ctx, store, s.Write)
	if err != nil {
		return nil, store, err
	}
	trail, err := store.Trail(ctx)
	if err != nil {
		return nil, store, errors.Join(err, provider.Close())
	}
	vault, err := myvault.New(provider, policy, myvault.Config{Trail: trail})
	return vault, store, err
}

// openProvider opens a store. Only to write, it creates one in HashiCorp Vault.
func openProvider(ctx context.Context, s stores.Settings, write bool) (myvault.Provider, error) {
	if s.Provider == "memory" {
		return nil, fmt.Errorf("%w: MYVAULT_PROVIDER=memory has no store outside its server; omit --local", ErrSettings)
	}
	provider, err := s.Open(ctx, write && s.Provider == "hashivault")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: no store in %s; start in the directory of its server, set MYVAULT_ENV to its .env, or create one with myvault init", ErrSettings, s.Data)
	}
	return provider, err
}

// localService returns the service to act as: the one named, else local, else the only one.
func localService(policy *myvault.Policy, name string) (string, error) {
	services := policy.Services()
	switch {
	case name != "" && slices.Contains(services, name):
		return name, nil
	case name != "":
		return "", fmt.Errorf("%w: the policy has no service %s; it has %s", ErrSettings, name, strings.Join(services, ", "))
	case slices.Contains(services, "local"):
		return "local", nil
	case len(services) == 1:
		return services[0], nil
	case len(services) == 0:
		return "", fmt.Errorf("%w: the policy has no services; set ALLOWED_SERVICES in the .env", ErrSettings)
	}
	return "", fmt.Errorf("%w: set --service to one of %s", ErrSettings, strings.Join(services, ", "))
}

// localTokens are the tokens of a session's service in a local store.
type localTokens struct {
	issuer  *tokens.Issuer
	session *myvault.Session
}

func (t localTokens) Mint(ctx context.Context, g tokens.Grant) (tokens.Token, error) {
	return t.issuer.Mint(ctx, t.session, g)
}

func (t localTokens) List(ctx context.Context) iter.Seq2[tokens.Token, error] {
	return t.issuer.List(ctx, t.session)
}

func (t localTokens) Revoke(ctx context.Context, id string) error {
	return t.issuer.Revoke(ctx, t.session, id)
}
