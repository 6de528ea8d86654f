package linearizable

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/myswiftagent/myvault"
)

// Target answers calls. It is safe for concurrent use.
type Target interface {
	Do(Call) Answer
}

// Local is a provider of this process.
type Local struct{ Provider myvault.Provider }

// commitTime is the time of every version. The model ignores times.
var commitTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Do makes the call.
func (l Local) Do(c Call) Answer {
	ctx := context.Background()
	if c.Timeout != 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	a, err := l.do(ctx, c)
	switch {
	case err == nil:
		return a
	case errors.Is(err, myvault.ErrUnknownOutcome):
		return Answer{Err: unknownOutcome}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, myvault.ErrUnavailable):
		return Answer{Err: noEffect}
	}
	return failed(err)
}

func (l Local) do(ctx context.Context, c Call) (Answer, error) {
	change := myvault.Change{Address: c.Address, If: condition(c)}
	switch c.Kind {
	case Get:
		secret, err := l.Provider.Get(ctx, c.Address, c.Version)
		return Answer{Version: secret.Version, State: secret.State, Value: secret.Value.Reveal(), By: secret.By}, err
	case Versions:
		return l.versions(ctx, c.Address)
	case Put:
		change.Op, change.Value = myvault.OpPut, myvault.Text(c.Value)
	case Delete:
		change.Op = myvault.OpDelete
	case Undelete:
		change.Op = myvault.OpUndelete
	case Destroy:
		change.Op = myvault.OpDestroy
		if c.Version != 0 {
			change.Versions = []myvault.Version{c.Version}
		}
	}
	by := c.Value
	if by == "" {
		by = "anonymous"

	}
	infos, err := l.Provider.Apply(ctx, myvault.Commit{Changes: []myvault.Change{change}, By: by, At: commitTime})
	if err != nil {
		return Answer{}, err
	}
	return Answer{Version: infos[0].Version, State: infos[0].State, By: infos[0].By}, nil
}

func (l Local) versions(ctx context.Context, addr myvault.Address) (a Answer, err error) {
	for info, err := range l.Provider.Versions(ctx, addr, 0) {
		if err != nil {
			return Answer{}, err
		}
		a.History = append(a.History, Record{info.By, info.State})
	}
	slices.Reverse(a.History)
	return a, nil
}
