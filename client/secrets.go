package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/myswiftagent/myvault"
)

// Get returns the current version of a secret, as [myvault.Session.Get] does. If the server does
// not answer, it may come from Config.Cache.
func (c *Client) Get(ctx context.Context, addr myvault.Address) (myvault.Secret, error) {
	if err := addr.Validate(); err != nil {
		return myvault.Secret{}, fail("get", myvault.Address{}, err)
	}
	if c.cache == nil {
		secret, err := c.get(ctx, addr, 0, c.attempts)
		return secret, fail("get", addr, err)
	}
	secret, err := c.cache.get(ctx, addr, func(attempts int) (myvault.Secret, error) {
		return c.get(ctx, addr, 0, min(attempts, c.attempts))
	})
	return secret, fail("get", addr, err)
}

// GetVersion returns one version of a live secret, as [myvault.Session.GetVersion] does. It never
// comes from the cache.
func (c *Client) GetVersion(ctx context.Context, addr myvault.Address, version myvault.Version) (myvault.Secret, error) {
	if err := addr.Validate(); err != nil {
		return myvault.Secret{}, fail("get version", myvault.Address{}, err)
	}
	secret, err := c.get(ctx, addr, version, c.attempts)
	return secret, fail("get version", addr, err)
}

func (c *Client) get(ctx context.Context, addr myvault.Address, version myvault.Version, attempts int) (myvault.Secret, error) {
	r := read(secretPath("/api/secrets", addr), nil)
	r.values = true
	if version > 0 {
		r.query = url.Values{"version": {strconv.FormatUint(uint64(version), 10)}}
	}
	var found item
	if _, err := c.doTimes(ctx, r, &found, attempts); err != nil {
		return myvault.Secret{}, err
	}
	secret, err := found.secret()
	if err != nil || secret.Address != addr || version > 0 && secret.Version != version {
		return myvault.Secret{}, errMalformed
	}
	return secret, nil
}

// Put makes a new version, as [myvault.Session.Put] does.
func (c *Client) Put(ctx context.Context, addr myvault.Address, value myvault.Value, conditions ...myvault.Condition) (myvault.Info, error) {
	return c.PutVersion(ctx, addr, myvault.NewVersion{Value: value}, conditions...)
}

// PutVersion makes a new version with its times, as [myvault.Session.PutVersion] does. A generator
// runs in this process, before the policy is asked, and the trail records a write. See
// [Client.PutGenerated] for a value that the server generates.
func (c *Client) PutVersion(ctx context.Context, addr myvault.Address, n myvault.NewVersion, conditions ...myvault.Condition) (myvault.Info, error) {
	condition, err := join(conditions)
	if err != nil {
		return myvault.Info{}, fail("put", myvault.Address{}, err)
	}
	return c.applyOne(ctx, "put", myvault.Change{
		Op: myvault.OpPut, Address: addr, If: condition,
		Value: n.Value, Generate: n.Generate, Expires: n.Expires, RotateAfter: n.RotateAfter,
	})
}

// Delete marks the current version as deleted, as [myvault.Session.Delete] does.
func (c *Client) Delete(ctx context.Context, addr myvault.Address, conditions ...myvault.Condition) error {
	condition, err := join(conditions)
	if err != nil {
		return fail("delete", myvault.Address{}, err)
	}
	_, err = c.applyOne(ctx, "delete", myvault.Change{Op: myvault.OpDelete, Address: addr, If: condition})
	return err
}

// Undelete clears the mark of the last Delete, as [myvault.Session.Undelete] does. If the caller
// may not list the secret, the result has only its address.
func (c *Client) Undelete(ctx context.Context, addr myvault.Address) (myvault.Info, error) {
	return c.applyOne(ctx, "undelete", myvault.Change{Op: myvault.OpUndelete, Address: addr})
}

// Destroy removes the values of the given versions for good, or of all versions if none is given,
// as [myvault.Session.Destroy] does. ErrInvalid for more than 1,000 versions.
func (c *Client) Destroy(ctx context.Context, addr myvault.Address, versions ...myvault.Version) error {
	_, err := c.applyOne(ctx, "destroy", myvault.Change{Op: myvault.OpDestroy, Address: addr, Versions: versions})
	return err
}

// versionsBody is the body of a change of the states of versions.
type versionsBody struct {
	Op       string            `json:"op"`
	Versions []myvault.Version `json:"versions,omitempty"`
	All      bool              `json:"all,omitzero"`
}

// changeVersions undeletes or destroys. Destroying named versions again changes nothing, but is
// recorded again, so it is not repeated either.
func (c *Client) changeVersions(ctx context.Context, addr myvault.Address, body versionsBody) (myvault.Info, error) {
	var history []item
	_, err := c.do(ctx, change(http.MethodPost, secretPath("/api/versions", addr), body), &optional{&history})
	c.cache.forget(err, addr)
	if err != nil {
		return myvault.Info{}, err
	}
	if len(history) == 0 { // the caller may not list
		return myvault.Info{Address: addr}, nil
	}
	newest := history[0]
	newest.Project, newest.Path = addr.Project, addr.Path
	info, err := newest.info()
	if err != nil {
		return info, errUnreadable
	}
	return info, nil
}
