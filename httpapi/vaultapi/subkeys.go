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
	names, err := subkeys(kvmap.Decode(raw), depth, maxNesting)
	if err != nil {
		return response{}, err
	}
	metadata, err := c.versionOf(secret.Info)
	a.data = map[string]any{"subkeys": names, "metadata": metadata}
	return a, err
}

// subkeys returns the names of an object down to depth, or of all levels if it is 0. Its leaves are
// nil, as is an object without members. It refuses an object of more than levels.
func subkeys(object jsontext.Value, depth, levels int) (map[string]any, error) {
	if levels == 0 {
		return nil, errNesting
	}
	var members map[string]jsontext.Value
	if err := json.Unmarshal(object, &members); err != nil {
		return nil, err
	}
	names := make(map[string]any, len(members))
	for name, value := range members {
		names[name] = nil
		if value.Kind() != '{' || depth == 1 {
			continue
		}
		below, err := subkeys(value, max(depth-1, 0), levels-1)
		if err != nil {
			return nil, err
		}
		if len(below) > 0 {
			names[name] = below
		}
	}
	return names, nil
}
