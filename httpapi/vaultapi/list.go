package vaultapi

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault"
)

// list answers with the names directly below a folder, of secrets and of folders, which end with
// a slash. As on a real Vault, deleted and destroyed secrets are among them until their metadata
// is deleted. The caller sees those that it may list.
func (c *call) list() (response, error) {
	folder := myvault.Prefix{Project: c.names["project"], Path: strings.Trim(c.names["path"], "/")}
	if folder.Path != "" {
		folder.Path += "/"
	}
	if err := folder.Validate(); err != nil {
		return c.invalidPath(err)
	}
	if err := c.enterLarge(); err != nil {
		return response{}, err
	}
	found := children{folder: folder, names: make(map[string]bool)}
	if err := c.addListed(&found, myvault.ListOptions{Prefix: folder}); err != nil {
		return response{}, err
	}
	allowed, err := c.permissions()
	if err != nil {
		return response{}, err
	}
	if !allowed.AllowWithin(myvault.List, folder) {
		return response{}, myvault.ErrDenied // the trail has it; nothing was found
	}
	if err := c.addListed(&found, myvault.ListOptions{Prefix: folder, Deleted: true}); err != nil {
		return response{}, err
	}
	if err := c.addRecords(&found, allowed); err != nil {
		return response{}, err
	}
	if len(found.names) == 0 {
		return response{}, myvault.ErrNotFound
	}
	return response{data: map[string]any{"keys": slices.Sorted(maps.Keys(found.names))}, mount: kvEngine}, nil
}

// maxNames is the largest number of names in an answer. Vault's clients know no pages of a list.
const maxNames = 10_000

var errManyNames = refuse(http.StatusBadRequest, fmt.Sprintf("the folder has more than %d names: list its folders one by one, "+
	"or use GET /api/secrets, which has pages", maxNames))

// children are the names directly below a folder.
type children struct {
	folder myvault.Prefix
	names  map[string]bool
}

// nameOf returns the name of the child that addr is, or is in.
func (f *children) nameOf(addr myvault.Address) string {
	name, _, below := strings.Cut(strings.TrimPrefix(addr.Path, f.folder.Path), "/")
	if below {
		name += "/"
	}
	return name
}

func (f *children) has(addr myvault.Address) bool { return f.names[f.nameOf(addr)] }

func (f *children) add(addr myvault.Address) error {
	f.names[f.nameOf(addr)] = true
	if len(f.names) > maxNames {
		return errManyNames
	}
	return nil
}

// addListed adds the secrets that the options select, unless their metadata was deleted. It stops
// once the client is gone.
func (c *call) addListed(found *children, options myvault.ListOptions) error {
	for info, err := range c.session.List(c.ctx, options) {
		if err := cmp.Or(err, c.ctx.Err()); err != nil {
			return err
		}
		if found.has(info.Address) {
			continue
		}
		if options.Deleted {
			r, err := c.api.record(c.ctx, info.Address)
			if err != nil {
				return err
			}
			if info.Version <= r.Removed {
				continue
			}
		}
		if err := found.add(info.Address); err != nil {
			return err
		}
	}
	return nil
}

// addRecords adds the names that have metadata only. It stops once the client is gone.
func (c *call) addRecords(found *children, allowed *myvault.Permissions) error {
	below := found.folder.Project + "/" + found.folder.Path
	for info, err := range c.api.extension.ListRecords(c.ctx, below, "") {
		if err := cmp.Or(err, c.ctx.Err()); err != nil {
			return err
		}
		project, path, _ := strings.Cut(info.Path, "/")
		addr := myvault.Address{Project: project, Path: path}
		if !allowed.Allow(myvault.List, addr) || found.has(addr) {
			continue
		}
		r, err := c.api.record(c.ctx, addr)
		if err != nil {
			return err
		}
		if r.Made.IsZero() {
			continue
		}
		if err := found.add(addr); err != nil {
			return err
		}
	}
	return nil
}
