package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/connect"
)

// suggestLimit limits the names that suggest compares.
const suggestLimit = 5000

// suggest adds what depends on the vault to an error: the nearest name to one that was not found,
// and the address of a server that does not answer.
func (a *app) suggest(ctx context.Context, v *connect.Vault, err error) error {
	if v.Remote && errors.Is(err, myvault.ErrUnavailable) {
		return advice{fmt.Errorf("%w: check --url and the server at %s, start one with myvault serve, or open the store itself with --local", err, v.Where)}
	}
	failed, ok := errors.AsType[*myvault.Error](err)
	if !ok || !errors.Is(err, myvault.ErrNotFound) || failed.Address.Project == "" {
		return err
	}
	if _, advised := errors.AsType[advice](err); advised {
		return err
	}
	wanted, names := failed.Address.Project, projectNames(ctx, v)
	if failed.Address.Path != "" && slices.Contains(names, wanted) {
		wanted = failed.Address.String()
		names = addressNames(ctx, v, myvault.Prefix{Project: failed.Address.Project})
	}
	switch {
	case slices.Contains(names, wanted) && failed.Address.Path != "":
		return advice{fmt.Errorf("%w: myvault history %s shows its versions", err, wanted)}
	case slices.Contains(names, wanted):
		return err
	}
	if near := nearest(wanted, names); near != "" {
		return advice{fmt.Errorf("%w: did you mean %s?", err, near)}
	}
	return advice{fmt.Errorf("%w: myvault list %s shows what you may list", err, failed.Address.Project)}
}

func projectNames(ctx context.Context, v *connect.Vault) (names []string) {
	for p, err := range v.Projects(ctx) {
		if err != nil || len(names) == suggestLimit {
			break
		}
		names = append(names, p.Name)
	}
	return names
}

func addressNames(ctx context.Context, v *connect.Vault, prefix myvault.Prefix) (names []string) {
	for info, err := range v.List(ctx, myvault.ListOptions{Prefix: prefix}) {
		if err != nil || len(names) == suggestLimit {
			break
		}
		names = append(names, info.Address.String())
	}
	return names
}

// nearest returns the name with the fewest edits from wanted, or "" if none is near.
func nearest(wanted string, names []string) (near string) {
	best := len([]rune(wanted))/3 + 2
	for _, name := range names {
		if d := distance([]rune(wanted), []rune(name)); d < best {
			best, near = d, name
		}
	}
	return near
}

// distance returns the Levenshtein distance of a and b.
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, y := range b {
			cost := diagonal
			if x != y {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
