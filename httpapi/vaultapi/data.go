package vaultapi

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/kvmap"
	"github.com/myswiftagent/myvault/internal/rfc3339"
)

// version is the metadata of one version in the answers of data and subkeys.
type version struct {
	CreatedTime    string            `json:"created_time"`
	CustomMetadata map[string]string `json:"custom_metadata"`
	DeletionTime   string            `json:"deletion_time"`
	Destroyed      bool              `json:"destroyed"`
	Version        uint64            `json:"version"`
}

// versionOf returns the metadata of info. The expiry of a secret is no deletion_time: clients take
// a deletion_time in the past for "there is no secret".
func (c *call) versionOf(info myvault.Info) (version, error) {
	r, err := c.api.record(c.ctx, info.Address)
	return version{
		CreatedTime: rfc3339.Format(info.At), CustomMetadata: r.custom(), DeletionTime: deletionTime(info),
		Destroyed: info.State == myvault.Destroyed, Version: uint64(info.Version),
	}, err
}

// deletionTime returns when a deleted version was made: the vault keeps no time of its deletion.
func deletionTime(info myvault.Info) string {
	if info.State != myvault.Deleted {
		return ""
	}
	return rfc3339.Format(info.At)
}

// readData answers with a secret as a map.
func (c *call) readData() (response, error) {
	secret, a, err := c.readSecret("data")
	if err != nil || a.status != 0 {
		return a, err
	}
	raw := secret.Value.RevealBytes()
	defer clear(raw)
	metadata, err := c.versionOf(secret.Info)
	a.data = map[string]any{"data": kvmap.Decode(raw), "metadata": metadata}
	a.lease = c.lease(secret.Info)
	return a, err
}

// lease returns how long the client may use a secret before it reads it again.
func (c *call) lease(info myvault.Info) time.Duration {
	lease := c.api.config.Lease
	if left := time.Until(info.RotateAfter); !info.RotateAfter.IsZero() && left > 0 {
		return min(lease, left+time.Second)
	}
	return lease
}

// readSecret reads the version that the request asks for. If there is no such live version, the
// response is a 404, with the metadata of a deleted one beside a null member of that name.
func (c *call) readSecret(member string) (myvault.Secret, response, error) {
	a := response{mount: kvEngine}
	addr, err := c.address()
	if c.names["path"] == "" || err != nil {
		a, err = c.invalidPath(err)
		return myvault.Secret{}, a, err
	}
	n, err := c.versionNumber()
	if err != nil {
		return myvault.Secret{}, a, err
	}
	if n != 0 {
		// The search takes as many steps as there are newer versions.
		if err := c.enterLarge(); err != nil {
			return myvault.Secret{}, a, err
		}
	}
	secret, err := c.session.GetVersion(c.ctx, addr, n)
	if errors.Is(err, myvault.ErrNotFound) || errors.Is(err, myvault.ErrDestroyed) {
		metadata, err := c.missing(addr, n)
		return secret, response{status: http.StatusNotFound, data: map[string]any{member: nil, "metadata": metadata}}, err
	}
	if err == nil && secret.Value.Len() > maxSmall {
		err = c.enterLarge()
	}
	return secret, a, err
}

// maxSmall is the size of a value from which a read is a large request, in bytes.
const maxSmall = 32 << 10

// invalidPath answers a path that names no secret as a real Vault does. Err is its error.
func (c *call) invalidPath(err error) (response, error) {
	if err != nil && !errors.Is(err, myvault.ErrNotFound) && !errors.Is(err, myvault.ErrInvalid) {
		return response{}, err
	}
	if err := c.authorizeProject(c.action()); err != nil {
		return response{}, err
	}
	command := "get"
	if c.op == opList {
		command = "list"
	}
	text := "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use. " +
		"If using the Vault CLI, use 'vault kv " + command + "' for this operation."
	switch {
	case errors.Is(err, myvault.ErrInvalid) && !strings.HasSuffix(c.names["path"], "/"):
		text = cause(err).Error()
	case c.names["path"] == "" && !strings.HasSuffix(c.request.URL.Path, "/"):
		text = "Non-listing operations on the root of a K/V v2 mount are not supported."
	}
	return response{status: http.StatusNotFound, warnings: []string{text}}, nil
}

// versionNumber returns the query parameter version; 0 is the current one.
func (c *call) versionNumber() (myvault.Version, error) {
	text := c.query.Get("version")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, refuse(http.StatusBadRequest, `Field validation failed: error converting input for field "version": use a number`)
	}
	return myvault.Version(n), nil
}

// missing returns the metadata of version n, 0 for the newest, which cannot be read. Only callers
// that may list see it: to others a deleted secret is as one that never was. A version that is
// hidden because a newer one is deleted or destroyed has the metadata of a live one.
func (c *call) missing(addr myvault.Address, n myvault.Version) (version, error) {
	allowed, err := c.permissions()
	if err != nil {
		return version{}, err
	}
	if !allowed.Allow(myvault.List, addr) {
		return version{}, myvault.ErrNotFound
	}
	info, err := c.newest(addr, n)
	switch {
	case err != nil || n != 0 && info.Version != n:
		return version{}, errors.Join(err, myvault.ErrNotFound)
	case n == 0 && info.State == myvault.Live: // written after the read that did not find it
		return version{}, myvault.ErrNotFound
	}
	return c.versionOf(info)
}

// newest returns the newest version up to n, or the newest of all if n is 0. ErrNotFound if there
// is none, or its metadata was deleted. It needs the right to list.
func (c *call) newest(addr myvault.Address, n myvault.Version) (myvault.Info, error) {
	before := n
	if n != 0 {
		before++
	}
	page, err := c.session.VersionsPage(c.ctx, addr, before, 1)
	if err != nil {
		return myvault.Info{}, err
	}
	r, err := c.api.record(c.ctx, addr)
	if err != nil {
		return myvault.Info{}, err
	}
	if len(page.Items) == 0 || page.Items[0].Version <= r.Removed {
		return myvault.Info{}, myvault.ErrNotFound
	}
	return page.Items[0], nil
}
