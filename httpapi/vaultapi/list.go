package vaultapi

import (
	"maps"
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
	for info, err := range c.session.List(c.ctx(), myvault.ListOptions{Prefix: folder}) {
		if err != nil {
			return response{}, err
		}
		found.add(info.Address)
	}
	if !c.api.extension.AllowsWithin(c.ctx(), c.session, myvault.List, folder) {
		return response{}, myvault.ErrDenied // the trail has it; nothing was found
	}
	if err := c.addDead(&found); err != nil {
		return response{}, err
	}
	if len(found.names) == 0 {
		return response{}, myvault.ErrNotFound
	}
	return response{data: map[string]any{"keys": slices.Sorted(maps.Keys(found.names))}, mount: kvEngine}, nil
}

// children are the names directly below a folder.
type children struct {
	folder myvault.Prefix
	names  map[string]bool
}

// add adds the child that addr is, or is in.
func (f *children) add(addr myvault.Address) {
	name, _, below := strings.Cut(strings.TrimPrefix(addr.Path, f.folder.Path), "/")
	if below {
		name += "/"
	}
	f.names[name] = true
}

// addDead adds secrets that are deleted or destroyed, and those that have metadata only.
func (c *call) addDead(found *children) error {
	kept, err := c.records(found.folder)
	if err != nil {
		return err
	}
	options := myvault.ListOptions{Prefix: found.folder, Deleted: true}
	for info, err := range c.session.List(c.ctx(), options) {
		if err != nil {
			return err
		}
		var r record
		if kept[info.Address] {
			if r, err = c.api.record(c.ctx(), info.Address); err != nil {
				return err
			}
		}
		if info.Version > r.Removed {
			found.add(info.Address)
		}
	}
	for addr := range kept {
		if !c.api.extension.Allows(c.ctx(), c.session, myvault.List, addr) {
			continue
		}
		r, err := c.api.record(c.ctx(), addr)
		if err != nil {
			return err
		}
		if !r.Made.IsZero() {
			found.add(addr)
		}
	}
	return nil
}

// records returns the addresses in folder that have a record.
func (c *call) records(folder myvault.Prefix) (map[myvault.Address]bool, error) {
	kept := make(map[myvault.Address]bool)
	for info, err := range c.api.extension.ListRecords(c.ctx(), folder.Project+"/"+folder.Path, "") {
		if err != nil {
			return nil, err
		}
		project, path, _ := strings.Cut(info.Path, "/")
		kept[myvault.Address{Project: project, Path: path}] = true
	}
	return kept, nil
}
