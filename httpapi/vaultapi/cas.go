package vaultapi

import (
	"errors"
	"net/http"

	"github.com/myswiftagent/myvault"
)

// put writes a new version under the check-and-set option of the body.
//
// A real Vault compares with the number of the newest version, deleted or not; conditions of a
// session are about the live version. Callers that may list get Vault's answer for deleted
// secrets too. The look at the history and the write are two steps; a live version that another
// caller makes between them is never overwritten.
func (c *call) put(addr myvault.Address, value myvault.Value, body dataBody) (myvault.Info, error) {
	expected, given, err := body.cas()
	if err != nil {
		return myvault.Info{}, err
	}
	if !given {
		r, err := c.api.record(c.ctx, addr)
		if err != nil {
			return myvault.Info{}, err
		}
		if r.CASRequired {
			return myvault.Info{}, refuse(http.StatusBadRequest, "check-and-set parameter required for this call")
		}
		return c.session.Put(c.ctx, addr, value)
	}
	if expected > 0 {
		info, err := c.session.Put(c.ctx, addr, value, myvault.IfVersion(expected))
		if !errors.Is(err, myvault.ErrNotFound) {
			return info, err
		}
	}
	if err := c.expectDead(addr, expected); err != nil {
		return myvault.Info{}, err
	}
	return c.session.Put(c.ctx, addr, value, myvault.IfAbsent())
}

// expectDead returns ErrConflict unless the newest version is n, 0 for none. A caller that may not
// list can only expect none.
func (c *call) expectDead(addr myvault.Address, n myvault.Version) error {
	allowed, err := c.permissions()
	if err != nil {
		return err
	}
	if !allowed.Allow(myvault.List, addr) {
		if n == 0 {
			return nil
		}
		return myvault.ErrConflict
	}
	info, err := c.newest(addr, 0)
	if err != nil && !errors.Is(err, myvault.ErrNotFound) {
		return err
	}
	if info.Version != n {
		return myvault.ErrConflict
	}
	return nil
}
