package vaultapi

import (
	"maps"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/myswiftagent/myvault/internal/kvmap"
)

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
