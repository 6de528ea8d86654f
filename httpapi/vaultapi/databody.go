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
