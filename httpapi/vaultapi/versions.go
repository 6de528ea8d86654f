package vaultapi

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/internal/request"
	"github.com/myswiftagent/myvault/internal/kvmap"
)

// maxVersions is the largest number of versions in one request, and in one answer.
const maxVersions = 1000

// deleteData deletes the current version. As on a real Vault it is no error if there is none.
func (c *call) deleteData() (response, error) {
	addr, err := c.address()
	if err != nil {
		return c.invalidPath(err)
	}
	return response{}, ignoreNotFound(c.session.Delete(c.ctx, addr))
}

func ignoreNotFound(err error) error {
	if errors.Is(err, myvault.ErrNotFound) {
		return nil
	}
	return err
}

// readVersions returns the address and the versions of the body, newest first. Missing is the error
// without versions.
func (c *call) readVersions(missing string) (myvault.Address, []myvault.Version, error) {
	addr, err := c.address()
	if err != nil {
		return addr, nil, err
	}
	var body struct {
		Versions request.Array[jsontext.Value] `json:"versions"`
	}
	body.Versions.Max = maxVersions
	if err := c.decode(&body); err != nil {
		return addr, nil, err
	}
	if len(body.Versions.Items) == 0 {
		return addr, nil, refuse(http.StatusBadRequest, missing)
	}
	versions := make([]myvault.Version, len(body.Versions.Items))
	for i, v := range body.Versions.Items {
		text, quoted := kvmap.StringOf(v) // as the vault command sends them
		if !quoted {
			text = string(v)
		}
		n, err := strconv.ParseUint(text, 10, 63)
		if err != nil || n == 0 {
			return addr, nil, refuse(http.StatusBadRequest, `error converting input for field "versions": use numbers from 1`)
		}
		versions[i] = myvault.Version(n)
	}
	slices.Sort(versions)
	versions = slices.Compact(versions)
	slices.Reverse(versions)
	return addr, versions, nil
}

// deleteVersions deletes the newest version, if it is one of those in the body. Older versions
// cannot be deleted alone; while the newest one is deleted, they are not found either.
func (c *call) deleteVersions() (response, error) {
	addr, versions, err := c.readVersions("No version number provided")
	if err != nil {
		return response{}, err
	}
	for _, n := range versions {
		err := c.session.Delete(c.ctx, addr, myvault.IfVersion(n))
		if !errors.Is(err, myvault.ErrConflict) {
			return response{}, ignoreNotFound(err)
		}
	}
	return response{}, refuse(http.StatusBadRequest, "myVault deletes the newest version only: destroy older ones, or delete the secret")
}

// undeleteVersions undeletes the newest version, if it is one of those in the body. It needs the
// rights to list and to write.
func (c *call) undeleteVersions() (response, error) {
	addr, versions, err := c.readVersions("No version number provided")
	if err != nil {
		return response{}, err
	}
	if err := c.api.extension.Authorize(c.ctx, c.session, myvault.Write, addr); err != nil {
		return response{}, err
	}
	info, err := c.newest(addr, 0)
	switch {
	case err != nil:
		return response{}, ignoreNotFound(err)
	case info.State != myvault.Deleted:
		return response{}, nil // a real Vault answers 204 too
	case !slices.Contains(versions, info.Version):
		return response{}, refuse(http.StatusBadRequest, "myVault undeletes the newest version only: name its number")
	}
	_, err = c.session.Undelete(c.ctx, addr)
	if errors.Is(err, myvault.ErrConflict) { // it is live meanwhile
		err = nil
	}
	return response{}, err
}

// destroyVersions removes values for good. Versions that were never made are ignored, as on a real
// Vault.
func (c *call) destroyVersions() (response, error) {
	addr, versions, err := c.readVersions("no version number provided")
	if err != nil {
		return response{}, err
	}
	err = c.session.Destroy(c.ctx, addr, versions...)
	if !errors.Is(err, myvault.ErrNotFound) {
		return response{}, err
	}
	destroyed := false
	for _, n := range versions { // those that there are
		err := c.session.Destroy(c.ctx, addr, n)
		if destroyed = destroyed || err == nil; ignoreNotFound(err) == nil {
			continue
		}
		if destroyed {
			err = fmt.Errorf("%w: %w", myvault.ErrUnknownOutcome, err)
		}
		return response{}, err
	}
	return response{}, nil
}
