package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/myswiftagent/myvault"
)

// Apply makes several changes in order, all or none, as [myvault.Session.Apply] does. Several
// changes can be puts and deletes, each under IfAbsent or IfVersion at most;
// [errors.ErrUnsupported] for others. Generators run in this process.
func (c *Client) Apply(ctx context.Context, changes ...myvault.Change) ([]myvault.Info, error) {
	switch {
	case len(changes) == 0:
		return nil, fail("apply", myvault.Address{}, fmt.Errorf("%w: no change is given", myvault.ErrInvalid))
	case len(changes) > myvault.MaxChanges:
		return nil, fail("apply", myvault.Address{}, fmt.Errorf("%w: %d changes at once, and the limit is %d", myvault.ErrTooLarge, len(changes), myvault.MaxChanges))
	}
	for i, change := range changes {
		if err := change.Validate(); err != nil {
			return nil, failChanges(changes, &myvault.ChangeError{Index: i, Err: err})
		}
	}
	if len(changes) == 1 {
		info, err := c.apply(ctx, changes[0])
		if err != nil {
			return nil, failChanges(changes, err)
		}
		return []myvault.Info{info}, nil
	}
	infos, err := c.applyAll(ctx, changes)
	if err != nil {
		return nil, failChanges(changes, err)
	}
	return infos, nil
}

// applyOne makes one change for the method op.
func (c *Client) applyOne(ctx context.Context, op string, change myvault.Change) (myvault.Info, error) {
	if err := change.Validate(); err != nil {
		return myvault.Info{}, fail(op, myvault.Address{}, err)
	}
	info, err := c.apply(ctx, change)
	return info, fail(op, target(change), withoutIndex(err))
}

// target returns the address that a change is about.
func target(change myvault.Change) myvault.Address {
	switch change.Op {
	case myvault.OpPutProject, myvault.OpDefaultProject, myvault.OpDeleteProject:
		return myvault.Address{Project: change.Project.Name}
	}
	return change.Address
}

// apply makes one valid change by the route that has its condition.
func (c *Client) apply(ctx context.Context, change myvault.Change) (myvault.Info, error) {
	addr := change.Address
	switch change.Op {
	case myvault.OpUndelete:
		return c.changeVersions(ctx, addr, versionsBody{Op: "undelete"})
	case myvault.OpDestroy:
		return c.changeVersions(ctx, addr, versionsBody{Op: "destroy", Versions: change.Versions, All: len(change.Versions) == 0})
	case myvault.OpPutProject:
		_, err := c.putProject(ctx, change.Project, change.If)
		return myvault.Info{Address: target(change)}, err
	case myvault.OpDefaultProject:
		_, err := c.setDefault(ctx, change.Project.Name)
		return myvault.Info{Address: target(change)}, err
	case myvault.OpDeleteProject:
		return myvault.Info{Address: target(change)}, c.deleteProject(ctx, change.Project.Name)
	case myvault.OpPut:
		if change.If == myvault.IfPresent() {
			return c.update(ctx, change)
		}
	}
	infos, err := c.applyAll(ctx, []myvault.Change{change})
	if err != nil {
		return myvault.Info{}, err
	}
	return infos[0], nil
}

// applyAll makes valid changes in one commit.
func (c *Client) applyAll(ctx context.Context, changes []myvault.Change) ([]myvault.Info, error) {
	bodies := make([]changeBody, len(changes))
	for i, change := range changes {
		var err error
		if bodies[i], err = body(ctx, change); err != nil {
			return nil, &myvault.ChangeError{Index: i, Err: err}
		}
	}
	conditional := slices.ContainsFunc(changes, func(c myvault.Change) bool {
		return c.Op == myvault.OpPut && c.If.Version() > 0
	})
	return c.send(ctx, bodies, conditional && onlyOnce(changes))
}

// send makes changes in one commit.
func (c *Client) send(ctx context.Context, bodies []changeBody, conditional bool) ([]myvault.Info, error) {
	r := change(http.MethodPost, "/api/changes", map[string][]changeBody{"changes": bodies})
	r.conditional = conditional
	addrs := make([]myvault.Address, len(bodies))
	for i, b := range bodies {
		addrs[i] = myvault.Address{Project: b.Project, Path: b.Path}
		if b.valueBody != nil && b.Value != "" {
			r.secrets = append(r.secrets, b.Value)
		}
	}
	var items []item
	_, err := c.do(ctx, r, &items)
	c.cache.forget(err, addrs...)
	if err != nil {
		return nil, ofChange(err, len(bodies))
	}
	infos, err := infos(items)
	if err != nil || len(infos) != len(bodies) {
		return nil, errUnreadable
	}
	return infos, nil
}

// onlyOnce reports whether no two of the changes are about the same address. Then the version that
// a put expects is gone after the first time that the changes are made.
func onlyOnce(changes []myvault.Change) bool {
	seen := make(map[myvault.Address]bool)
	for _, c := range changes {
		if seen[c.Address] {
			return false
		}
		seen[c.Address] = true
	}
	return true
}

// ofChange returns the error of one of several changes with its index.
func ofChange(err error, changes int) error {
	refused, ok := errors.AsType[*refusal](err)
	if ok && refused.change != nil && *refused.change >= 0 && *refused.change < changes && !errors.Is(err, myvault.ErrUnknownOutcome) {
		return &myvault.ChangeError{Index: *refused.change, Err: err}
	}
	return err
}

// update makes a new version of a live secret.
func (c *Client) update(ctx context.Context, change myvault.Change) (myvault.Info, error) {
	value, err := newValue(ctx, change)
	if err != nil {
		return myvault.Info{}, err
	}
	return c.patch(ctx, change.Address, value)
}

// failChanges wraps the error of an Apply. If one of the changes failed, it says which.
func failChanges(changes []myvault.Change, err error) error {
	failed, ok := errors.AsType[*myvault.ChangeError](err)
	if !ok && len(changes) == 1 {
		failed, ok = &myvault.ChangeError{Err: err}, true
	}
	if !ok || !slices.ContainsFunc(refusals, func(r error) bool { return errors.Is(err, r) }) {
		return fail("apply", myvault.Address{}, err)
	}
	addr := target(changes[failed.Index])
	if addr.Path == "" && (myvault.Project{Name: addr.Project}).Validate() != nil || addr.Path != "" && addr.Validate() != nil {
		addr = myvault.Address{}
	}
	return fail("apply", addr, failed)
}

// refusals are the errors that concern a single change.
var refusals = []error{
	myvault.ErrInvalid, myvault.ErrDenied, myvault.ErrNotFound, myvault.ErrExists, myvault.ErrConflict,
	myvault.ErrDestroyed, myvault.ErrNotEmpty, myvault.ErrTooLarge, myvault.ErrGenerator,
}
