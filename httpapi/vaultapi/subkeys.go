package vaultapi

import (
	"bytes"
	"net/http"
	"strconv"

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
	names, err := subkeys(jsontext.NewDecoder(bytes.NewReader(kvmap.Decode(raw))), depth)
	if err != nil {
		return response{}, err
	}
	metadata, err := c.versionOf(secret.Info)
	a.data = map[string]any{"subkeys": names, "metadata": metadata}
	return a, err
}

// subkeys reads an object and returns its names down to depth, or of all levels if it is 0. Its
// leaves are nil, as is an object without members.
func subkeys(object *jsontext.Decoder, depth int) (map[string]any, error) {
	if _, err := object.ReadToken(); err != nil {
		return nil, err
	}
	names := make(map[string]any)
	for object.PeekKind() != '}' {
		name, err := object.ReadToken()
		if err != nil {
			return nil, err
		}
		text := name.String()
		names[text] = nil
		if object.PeekKind() != '{' || depth == 1 {
			if err := object.SkipValue(); err != nil {
				return nil, err
			}
			continue
		}
		below, err := subkeys(object, max(depth-1, 0))
		if err != nil {
			return nil, err
		}
		if len(below) > 0 {
			names[text] = below
		}
	}
	_, err := object.ReadToken()
	return names, err
}
