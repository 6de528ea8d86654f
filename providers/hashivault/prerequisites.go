package hashivault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/hashicorp/vault/api"

	"github.com/myswiftagent/myvault/providers/hashivault/internal/cluster"
)

// defaultMaxVersions is how many versions a mount keeps whose max_versions is 0.
const defaultMaxVersions = 10

// checkMount checks that the mount is a KV version 2 engine that keeps enough versions and
// their data. A version 1 engine would accept every write and then find nothing.
func (k *kv) checkMount(ctx context.Context, keep int) error {
	type mounted struct {
		Data api.MountOutput `json:"data"`
	}
	mount, err := readSystem[mounted](ctx, k, "sys/internal/ui/mounts/"+k.mount)
	switch {
	case errors.Is(err, ErrRights):
		// Vault answers the same about a mount that does not exist.
		return fmt.Errorf("%w: there is none at %q that the token may use", ErrMount, k.mount)
	case err != nil:
		return err
	case mount.Data.Type != "kv" || mount.Data.Options["version"] != "2":
		return fmt.Errorf("%w: %q is %q of version %q; make one with `vault secrets enable -path=%s -version=2 kv`",
			ErrMount, k.mount, mount.Data.Type, mount.Data.Options["version"], k.mount)
	}
	return k.checkSettings(ctx, keep)
}

// checkSettings checks that the mount keeps what is written.
func (k *kv) checkSettings(ctx context.Context, keep int) error {
	type config struct {
		Data struct {
			MaxVersions int    `json:"max_versions"`
			CASRequired bool   `json:"cas_required"`
			DeleteAfter string `json:"delete_version_after"`
		} `json:"data"`
	}
	c, err := readSystem[config](ctx, k, k.mount+"/config")
	if errors.Is(err, ErrRights) {
		err = fmt.Errorf("%w: read of %s/config", ErrRights, k.mount)
	}
	if err != nil {
		return err
	}
	// A negative time means that nothing is deleted.
	deletes := c.Data.DeleteAfter != "" && c.Data.DeleteAfter != "0s" && !strings.HasPrefix(c.Data.DeleteAfter, "-")
	switch kept := cmp.Or(c.Data.MaxVersions, defaultMaxVersions); {
	case kept < keep:
		return fmt.Errorf("%w: %q keeps %d versions and %d are wanted; change it with `vault write %s/config max_versions=%d`",
			ErrMount, k.mount, kept, keep, k.mount, keep)
	case c.Data.CASRequired:
		return fmt.Errorf("%w: %q has cas_required; change it with `vault write %s/config cas_required=false`", ErrMount, k.mount, k.mount)
	case deletes:
		return fmt.Errorf("%w: %q deletes versions after %s; change it with `vault write %s/config delete_version_after=0s`",
			ErrMount, k.mount, c.Data.DeleteAfter, k.mount)
	}
	return nil
}

// readSystem reads a path that is not a secret.
func readSystem[T any](ctx context.Context, k *kv, path string) (T, error) {
	var none T
	a, err := k.do(ctx, cluster.Call{Method: http.MethodGet, Path: path})
	if err == nil && a.Status != http.StatusOK {
		err = a.Err()
	}
	if err != nil {
		return none, certain(err)
	}
	return decode[T](a)
}

// need is a path and the capabilities that the provider needs there.
type need struct {
	path    string
	actions []string
}

func (k *kv) needs() []need {
	below := func(kind, folder string) string { return k.mount + "/" + kind + "/" + k.base + "/" + folder }
	var all []need
	for _, folder := range []string{secretsFolder, projectsFolder} {
		all = append(all,
			need{below("data", folder+"any"), []string{"create", "read", "update"}},
			need{below("subkeys", folder+"any"), []string{"read"}},
			need{below("metadata", folder), []string{"list"}})
	}
	one := secretsFolder + "any"
	return append(all,
		need{below("metadata", one), []string{"read", "patch"}},
		need{below("delete", one), []string{"update"}},
		need{below("undelete", one), []string{"update"}},
		need{below("destroy", one), []string{"update"}},
		need{below("data", storeKey), []string{"create", "read", "update"}},
		need{below("data", defaultKey), []string{"create", "read", "update"}})
}

// checkRights asks Vault what the token may do, so that a missing right shows when the store is
// opened and not at the first deletion. patches reports whether the token may patch secrets,
// which spares a request and is not needed.
func (k *kv) checkRights(ctx context.Context) (patches bool, err error) {
	needs := k.needs()
	var paths []string
	for _, n := range needs {
		paths = append(paths, n.path)
	}
	body, err := json.Marshal(map[string]any{"paths": paths})
	if err != nil {
		return false, err
	}
	a, err := k.do(ctx, cluster.Call{Method: http.MethodPost, Path: "sys/capabilities-self", Body: body})
	if err == nil && a.Status != http.StatusOK {
		err = a.Err()
	}
	if errors.Is(err, ErrRights) {
		return false, nil // the token may not ask; a missing right shows when it is needed
	}
	if err != nil {
		return false, certain(err)
	}
	type capabilities struct {
		Data map[string][]string `json:"data"`
	}
	granted, err := decode[capabilities](a)
	if err != nil {
		return false, err
	}
	may := func(action, path string) bool {
		has := granted.Data[path]
		return slices.Contains(has, action) || slices.Contains(has, "root")
	}
	for _, n := range needs {
		for _, action := range n.actions {
			if !may(action, n.path) {
				return false, fmt.Errorf("%w: %s of %s", ErrRights, action, strings.TrimSuffix(n.path, "any")+"*")
			}
		}
	}
	return may("patch", needs[0].path), nil
}
