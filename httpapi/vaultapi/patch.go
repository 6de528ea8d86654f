package vaultapi

import (
	"errors"
	"fmt"
	"mime"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/kvmap"
)

// patchTries is how often a patch is made anew because another caller wrote meanwhile.
const patchTries = 5

// patchData changes members of the current map (RFC 7396). It needs the rights to read and to
// write.
func (c *call) patchData() (response, error) {
	addr, err := c.address()
	if err != nil {
		return c.invalidPath(err)
	}
	var body dataBody
	if err := c.decodePatch(&body); err != nil {
		return response{}, err
	}
	if _, err := body.value(); err != nil {
		return response{}, err
	}
	expected, given, err := body.cas()
	if err != nil {
		return response{}, err
	}
	if err := c.api.extension.Authorize(c.ctx, c.session, myvault.Write, addr); err != nil {
		return response{}, err
	}
	for try := 1; ; try++ {
		info, err := c.patchOnce(addr, body.Data, expected, given)
		switch {
		case errors.Is(err, errNothingToPatch):
			return c.notPatched(addr)
		case errors.Is(err, errWrittenMeanwhile) && try < patchTries:
			continue
		}
		return c.written(info, err)
	}
}

var (
	errNothingToPatch   = fmt.Errorf("%w: nothing to patch", myvault.ErrNotFound)
	errWrittenMeanwhile = fmt.Errorf("%w: written meanwhile", myvault.ErrConflict)
)

// patchOnce patches the current version, which must be the expected one if that is given. It
// returns errNothingToPatch if there is none, and errWrittenMeanwhile if another caller changed it
// before the write and no version is expected.
func (c *call) patchOnce(addr myvault.Address, patch jsontext.Value, expected myvault.Version, given bool) (myvault.Info, error) {
	secret, err := c.session.Get(c.ctx, addr)
	if errors.Is(err, myvault.ErrNotFound) {
		return myvault.Info{}, errNothingToPatch
	}
	if err == nil && secret.Value.Len() > maxSmall {
		err = c.enterLarge()
	}
	if err != nil {
		return myvault.Info{}, err
	}
	if given && secret.Version != expected {
		return myvault.Info{}, myvault.ErrConflict
	}
	value, err := patched(secret.Value, patch)
	if err != nil {
		return myvault.Info{}, err
	}
	info, err := c.session.Put(c.ctx, addr, value, myvault.IfVersion(secret.Version))
	if !given && (errors.Is(err, myvault.ErrConflict) || errors.Is(err, myvault.ErrNotFound)) {
		err = errWrittenMeanwhile
	}
	return info, err
}

// notPatched answers a patch of a secret that is not live: with the metadata of a deleted one, as
// a real Vault does, and else with an empty body.
func (c *call) notPatched(addr myvault.Address) (response, error) {
	metadata, err := c.missing(addr, 0)
	if errors.Is(err, myvault.ErrNotFound) {
		return response{status: http.StatusNotFound}, nil
	}
	return response{status: http.StatusNotFound, data: metadata}, err
}

// decodePatch is decode for a body in the format of a merge patch.
func (c *call) decodePatch(into any) error {
	kind, _, err := mime.ParseMediaType(c.request.Header.Get("Content-Type"))
	if err != nil || kind != "application/merge-patch+json" {
		return refuse(http.StatusUnsupportedMediaType, "PATCH requires Content-Type of application/merge-patch+json")
	}
	return c.decode(into)
}

// patched returns the value of a map after a merge patch.
func patched(value myvault.Value, patch jsontext.Value) (myvault.Value, error) {
	raw := value.RevealBytes()
	defer clear(raw)
	merged, err := merge(kvmap.Decode(raw), patch, maxNesting)
	if err != nil {
		return myvault.Value{}, err
	}
	return valueOf(merged)
}

// maxNesting is how deep objects may be nested in a patch. Each level is parsed again with all
// levels below it.
const maxNesting = 16

var errNesting = refuse(http.StatusBadRequest, fmt.Sprintf("the patch has more than %d levels: write the whole map instead", maxNesting))

// merge applies a merge patch (RFC 7396) of at most levels to target. Numbers and strings keep
// their spelling.
func merge(target, patch jsontext.Value, levels int) (jsontext.Value, error) {
	if patch.Kind() != '{' {
		return patch, nil
	}
	if levels == 0 {
		return nil, errNesting
	}
	var members, changes map[string]jsontext.Value
	if target.Kind() == '{' {
		if err := json.Unmarshal(target, &members); err != nil {
			return nil, err
		}
	}
	if err := json.Unmarshal(patch, &changes); err != nil {
		return nil, err
	}
	if members == nil {
		members = make(map[string]jsontext.Value)
	}
	for name, change := range changes {
		if change.Kind() == 'n' {
			delete(members, name)
			continue
		}
		merged, err := merge(members[name], change, levels-1)
		if err != nil {
			return nil, err
		}
		members[name] = merged
	}
	return json.Marshal(members, json.Deterministic(true))
}
