package vaultapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/kvmap"
)

// record is what the KV API keeps of a secret beside its versions, in the records of the vault's
// extension kv.
type record struct {
	Custom      map[string]string `json:"custom_metadata,omitempty"`
	CASRequired bool              `json:"cas_required,omitempty"`
	MaxVersions uint64            `json:"max_versions,omitempty"`
	Made        time.Time         `json:"made,omitzero"`    // zero: there is no metadata without versions
	Removed     myvault.Version   `json:"removed,omitzero"` // DELETE metadata hides the versions up to it

	version myvault.Version // of the record; 0: there is none
}

// custom returns the custom metadata, nil for none: Vault answers null.
func (r record) custom() map[string]string {
	if len(r.Custom) == 0 {
		return nil
	}
	return r.Custom
}

// recordPath returns the path of the record of addr.
func recordPath(addr myvault.Address) string { return addr.String() }

// mayHaveRecord reports whether the path of a record is valid. That of the longest paths is not.
func mayHaveRecord(addr myvault.Address) bool {
	return myvault.Address{Project: addr.Project, Path: recordPath(addr)}.Validate() == nil
}

// record returns the record of a secret, or a zero one.
func (h *Handler) record(ctx context.Context, addr myvault.Address) (record, error) {
	secret, err := h.extension.GetRecord(ctx, recordPath(addr))
	// A path of the greatest depth has no record, as the project would be one segment more.
	if errors.Is(err, myvault.ErrNotFound) || errors.Is(err, myvault.ErrInvalid) {
		return record{}, nil
	}
	if err != nil {
		return record{}, err
	}
	var r record
	text := secret.Value.RevealBytes()
	defer clear(text)
	if json.Unmarshal(text, &r) != nil {
		return record{}, fmt.Errorf("vaultapi: %w: a record is malformed", myvault.ErrTampered)
	}
	r.version = secret.Version
	return r, nil
}

// recordTries is how often a change of a record is made anew because another caller changed it
// meanwhile.
const recordTries = 5

// changeRecord changes the record of a secret. The caller has authorized it.
func (c *call) changeRecord(addr myvault.Address, change func(*record) error) error {
	for try := 1; ; try++ {
		r, err := c.api.record(c.ctx, addr)
		if err != nil {
			return err
		}
		condition := myvault.IfAbsent()
		if r.version > 0 {
			condition = myvault.IfVersion(r.version)
		}
		if err := change(&r); err != nil {
			return err
		}
		text, err := json.Marshal(r, json.Deterministic(true))
		if err != nil {
			return fmt.Errorf("vaultapi: writing a record: %w", err)
		}
		_, err = c.api.extension.PutRecord(c.ctx, c.session, recordPath(addr), myvault.Bytes(text), condition)
		lost := errors.Is(err, myvault.ErrExists) || errors.Is(err, myvault.ErrConflict)
		if !lost || try == recordTries {
			return err
		}
	}
}

// Vault's limits of custom metadata.
const (
	maxCustom      = 64
	maxCustomName  = 128
	maxCustomValue = 512
)

var errManyCustom = refuse(http.StatusBadRequest, "custom_metadata validation failed: there are at most 64 members")

// customOf returns custom metadata after the members of object, a JSON object or null, are set.
// A null member is removed. As on a real Vault, numbers and booleans become texts.
func customOf(before map[string]string, object jsontext.Value) (map[string]string, error) {
	after := maps.Clone(before)
	if after == nil {
		after = make(map[string]string)
	}
	if object.Kind() == 'n' {
		return nil, nil
	}
	var members map[string]jsontext.Value
	if json.Unmarshal(object, &members) != nil {
		return nil, refuse(http.StatusBadRequest, "custom_metadata must be an object of strings")
	}
	if len(members) > 2*maxCustom { // nulls that remove members, beside new ones
		return nil, errManyCustom
	}
	for name, value := range members {
		text, quoted := kvmap.StringOf(value)
		switch value.Kind() {
		case 'n':
			delete(after, name)
			continue
		case '{', '[':
			return nil, refuse(http.StatusBadRequest, "custom_metadata must be an object of strings")
		}
		if !quoted {
			text = string(value)
		}
		if len(name) == 0 || len(name) > maxCustomName || len(text) == 0 || len(text) > maxCustomValue {
			return nil, refuse(http.StatusBadRequest, "custom_metadata validation failed: names have 1 to 128 bytes and values 1 to 512")
		}
		after[name] = text
	}
	if len(after) > maxCustom {
		return nil, errManyCustom
	}
	return after, nil
}
