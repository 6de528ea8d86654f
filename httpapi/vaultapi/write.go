package vaultapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/kvmap"
)

// writeData makes a new version.
func (c *call) writeData() (response, error) {
	addr, err := c.address()
	if err != nil {
		return c.invalidPath(err)
	}
	var body dataBody
	if err := c.decode(&body); err != nil {
		return response{}, err
	}
	value, err := body.value()
	if err != nil {
		return response{}, err
	}
	// The record is read before the write, and must not show through its errors.
	if err := c.api.extension.Authorize(c.ctx, c.session, myvault.Write, addr); err != nil {
		return response{}, err
	}
	info, err := c.put(addr, value, body)
	return c.written(info, err)
}

// written answers a write with the metadata of the new version.
func (c *call) written(info myvault.Info, err error) (response, error) {
	if err != nil {
		return response{}, err
	}
	info.State = myvault.Live
	metadata, err := c.versionOf(info)
	if err != nil { // the write was made nevertheless
		return response{}, fmt.Errorf("%w: %w", myvault.ErrUnknownOutcome, err)
	}
	return response{data: metadata, mount: kvEngine}, nil
}

// dataBody is the body of a write.
type dataBody struct {
	Data    jsontext.Value `json:"data"`
	Options struct {
		CAS jsontext.Value `json:"cas"`
	} `json:"options"`
}

// cas returns the version that the write expects, 0 for none; given is false without the option.
func (b dataBody) cas() (n myvault.Version, given bool, err error) {
	text := string(b.Options.CAS)
	if text == "" || text == "null" {
		return 0, false, nil
	}
	if unquoted, ok := kvmap.StringOf(b.Options.CAS); ok {
		text = unquoted // a real Vault accepts it too
	}
	number, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, true, refuse(http.StatusBadRequest, "error parsing check-and-set parameter")
	}
	return myvault.Version(number), true, nil
}

// value returns the value of the map in the body.
func (b dataBody) value() (myvault.Value, error) {
	switch b.Data.Kind() {
	case 'n', 0:
		return myvault.Value{}, refuse(http.StatusBadRequest, "no data provided")
	case '{':
	default:
		return myvault.Value{}, refuse(http.StatusBadRequest, `error converting input for field "data": expected a map`)
	}
	return valueOf(b.Data)
}

// valueOf returns the value that a map is stored as.
func valueOf(object jsontext.Value) (myvault.Value, error) {
	raw, err := kvmap.Encode(object)
	if errors.Is(err, kvmap.ErrTooDeep) {
		return myvault.Value{}, refuse(http.StatusBadRequest, fmt.Sprintf("the map has more than %d levels: nest it less deeply", kvmap.MaxLevels))
	}
	if err != nil {
		return myvault.Value{}, fmt.Errorf("%w: %w", myvault.ErrInvalid, err)
	}
	defer clear(raw)
	return myvault.Bytes(raw), nil
}

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
