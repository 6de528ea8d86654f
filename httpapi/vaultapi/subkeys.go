package vaultapi

import (
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/myswiftagent/myvault/internal/kvmap"
)

// readSubkeys answers with the names in a map, and null in place of values. It needs the right to
// read, and is recorded as a read.
func (c *call) readSubkeys() (response, error) {
	depth := 0 // no limit
	if text := c.query.Get("depth"); text != "" {
		var err error
		if depth, err = strconv.Atoi(text); err != nil || depth < 0 {
			return response{}, refuse(http.StatusBadRequest, `Field validation failed: error converting input for field "depth": use a number`)
		}
	}
	secret, a, err := c.readSecret("subkeys")
	if err != nil || a.status != 0 {
		return a, err
	}
	raw := secret.Value.RevealBytes()
	defer clear(raw)
	metadata, err := c.versionOf(secret.Info)
	a.data = map[string]any{"subkeys": subkeys(kvmap.Decode(raw), depth), "metadata": metadata}
	return a, err
}

// subkeys returns the names of an object down to depth, or of all levels if it is 0. Its leaves are
// nil, as is an object without members.
func subkeys(object jsontext.Value, depth int) map[string]any {
	var members map[string]jsontext.Value
	if object.Kind() != '{' || json.Unmarshal(object, &members) != nil {
		return nil
	}
	names := make(map[string]any, len(members))
	for name, value := range members {
		names[name] = nil
		if value.Kind() == '{' && depth != 1 {
			if below := subkeys(value, max(depth-1, 0)); len(below) > 0 {
				names[name] = below
			}
		}
	}
	return names
}
