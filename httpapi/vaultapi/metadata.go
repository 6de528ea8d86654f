package vaultapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/kvmap"
	"github.com/myswiftagent/myvault/internal/rfc3339"
)

// metadata is the answer to a read of the metadata of a secret.
type metadata struct {
	CASRequired        bool                     `json:"cas_required"`
	CreatedTime        string                   `json:"created_time"`
	CurrentVersion     uint64                   `json:"current_version"`
	CustomMetadata     map[string]string        `json:"custom_metadata"`
	DeleteVersionAfter string                   `json:"delete_version_after"`
	MaxVersions        uint64                   `json:"max_versions"`
	OldestVersion      uint64                   `json:"oldest_version"`
	UpdatedTime        string                   `json:"updated_time"`
	Versions           map[string]historicEntry `json:"versions"`
}

// historicEntry is a version in a metadata.
type historicEntry struct {
	CreatedTime  string `json:"created_time"`
	DeletionTime string `json:"deletion_time"`
	Destroyed    bool   `json:"destroyed"`
}

// readMetadata answers with the newest 1000 versions of a secret, without values, and its custom
// metadata. It needs the right to list.
func (c *call) readMetadata() (response, error) {
	addr, err := c.address()
	if err != nil {
		return c.invalidPath(err)
	}
	if err := c.enterLarge(); err != nil {
		return response{}, err
	}
	page, err := c.session.VersionsPage(c.ctx, addr, 0, maxVersions)
	if err != nil && !errors.Is(err, myvault.ErrNotFound) {
		return response{}, err
	}
	r, err := c.api.record(c.ctx, addr)
	if err != nil {
		return response{}, err
	}
	m := metadata{
		CASRequired: r.CASRequired, CustomMetadata: r.custom(), DeleteVersionAfter: "0s", MaxVersions: r.MaxVersions,
		Versions: make(map[string]historicEntry),
	}
	m.addTimes(r.Made)
	for _, info := range page.Items {
		if info.Version > r.Removed {
			m.addVersion(info)
		}
	}
	if len(m.Versions) == 0 && r.Made.IsZero() {
		return response{}, myvault.ErrNotFound
	}
	return response{data: m, mount: kvEngine}, nil
}

// addVersion adds info, which is older than those before.
func (m *metadata) addVersion(info myvault.Info) {
	m.CurrentVersion = max(m.CurrentVersion, uint64(info.Version))
	m.Versions[strconv.FormatUint(uint64(info.Version), 10)] = historicEntry{
		CreatedTime: rfc3339.Format(info.At), DeletionTime: deletionTime(info), Destroyed: info.State == myvault.Destroyed,
	}
	m.addTimes(info.At)
}

// addTimes makes t the time of creation; the first one is that of the last update.
func (m *metadata) addTimes(t time.Time) {
	if t.IsZero() {
		return
	}
	m.CreatedTime = rfc3339.Format(t)
	if m.UpdatedTime == "" || len(m.Versions) == 1 {
		m.UpdatedTime = rfc3339.Format(t)
	}
}

// metadataBody is the body of a change of metadata.
type metadataBody struct {
	Custom             jsontext.Value `json:"custom_metadata"`
	CASRequired        *bool          `json:"cas_required"`
	MaxVersions        *uint64        `json:"max_versions"`
	DeleteVersionAfter jsontext.Value `json:"delete_version_after"`
}

// check refuses a promise that myVault does not keep.
func (b metadataBody) check() error {
	text, quoted := kvmap.StringOf(b.DeleteVersionAfter)
	if !quoted {
		text = string(b.DeleteVersionAfter)
	}
	if after := strings.TrimSuffix(text, "s"); after != "" && after != "0" && text != "null" {
		return refuse(http.StatusBadRequest, "delete_version_after is not supported by myVault: versions are kept until they are destroyed")
	}
	return nil
}

// writeMetadata replaces the custom metadata of a secret, and the settings that are given. It needs
// the right to write. There need not be a version.
func (c *call) writeMetadata() (response, error) {
	return c.changeMetadata(c.decode, func(r *record, b metadataBody) (err error) {
		if len(b.Custom) > 0 {
			r.Custom, err = customOf(nil, b.Custom)
		}
		return err
	}, false)
}

// patchMetadata changes members of the custom metadata of a secret that is there.
func (c *call) patchMetadata() (response, error) {
	return c.changeMetadata(c.decodePatch, func(r *record, b metadataBody) (err error) {
		if len(b.Custom) > 0 {
			r.Custom, err = customOf(r.Custom, b.Custom)
		}
		return err
	}, true)
}

func (c *call) changeMetadata(decode func(any) error, apply func(*record, metadataBody) error, mustExist bool) (response, error) {
	addr, err := c.address()
	if err != nil {
		return c.invalidPath(err)
	}
	var body metadataBody
	if err := decode(&body); err != nil {
		return response{}, err
	}
	if err := body.check(); err != nil {
		return response{}, err
	}
	if err := c.api.extension.Authorize(c.ctx, c.session, myvault.Write, addr); err != nil {
		return response{}, err
	}
	if mustExist {
		exists, err := c.hasMetadata(addr)
		if err != nil || !exists {
			return response{status: http.StatusNotFound}, err // without a body, as on a real Vault
		}
	}
	err = c.changeRecord(addr, func(r *record) error {
		if r.Made.IsZero() {
			r.Made = time.Now().UTC().Truncate(time.Microsecond)
		}
		if body.CASRequired != nil {
			r.CASRequired = *body.CASRequired
		}
		if body.MaxVersions != nil {
			r.MaxVersions = *body.MaxVersions
		}
		return apply(r, body)
	})
	a := response{}
	if err == nil && body.MaxVersions != nil && *body.MaxVersions > 0 {
		a.warnings = []string{"max_versions is stored, but myVault keeps all versions until they are destroyed"}
	}
	return a, err
}

// hasMetadata reports whether there is a version or a record of addr. To a caller that may not
// list, every secret seems to have metadata.
func (c *call) hasMetadata(addr myvault.Address) (bool, error) {
	r, err := c.api.record(c.ctx, addr)
	if err != nil || !r.Made.IsZero() {
		return true, err
	}
	allowed, err := c.permissions()
	if err != nil || !allowed.Allow(myvault.List, addr) {
		return true, err
	}
	_, err = c.newest(addr, 0)
	return err == nil, ignoreNotFound(err)
}

// deleteMetadata destroys all versions of a secret and hides it. It needs the right to destroy.
// Later versions continue its numbers, which are never reused.
func (c *call) deleteMetadata() (response, error) {
	addr, err := c.address()
	if err != nil {
		return c.invalidPath(err)
	}
	infos, err := c.session.Apply(c.ctx, myvault.Change{Op: myvault.OpDestroy, Address: addr})
	if err := ignoreNotFound(err); err != nil {
		return response{}, err
	}
	err = c.hide(addr, infos)
	if err != nil && len(infos) > 0 { // the values were destroyed nevertheless
		err = fmt.Errorf("%w: %w", myvault.ErrUnknownOutcome, err)
	}
	return response{}, err
}

// hide replaces the record of a secret whose versions were destroyed by one that hides it. The
// longest paths have no record.
func (c *call) hide(addr myvault.Address, destroyed []myvault.Info) error {
	r, err := c.api.record(c.ctx, addr)
	if err != nil || len(destroyed) == 0 && r.version == 0 {
		return err
	}
	if !mayHaveRecord(addr) {
		return nil
	}
	return c.changeRecord(addr, func(r *record) error {
		*r = record{Removed: r.Removed}
		if len(destroyed) > 0 {
			r.Removed = max(r.Removed, destroyed[0].Version)
		}
		return nil
	})
}
