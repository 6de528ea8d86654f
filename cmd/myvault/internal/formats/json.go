package formats

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// binaryKey is the only member of the object that represents bytes that are no UTF-8. A path
// cannot contain a dollar sign.
const binaryKey = "$base64"

var errNotJSON = errors.New("the file is not one JSON object")

// decodeJSON reads an object. The members of nested objects are paths with several segments.
func decodeJSON(data []byte) ([]Entry, []Problem, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber() // numbers are kept as they are written
	var r jsonReader
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return nil, nil, errNotJSON
	}
	if err := r.object(d, ""); err != nil {
		return nil, nil, errNotJSON
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errNotJSON
	}
	return r.entries, r.problems, nil
}

// jsonReader collects the members of objects. It reads tokens, because a map would hide members
// that occur twice.
type jsonReader struct {
	entries  []Entry
	problems []Problem
}

// object reads the members of an object after its opening brace.
func (r *jsonReader) object(d *json.Decoder, path string) error {
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		if err := r.member(d, path, key.(string)); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func (r *jsonReader) member(d *json.Decoder, path, key string) error {
	if key == binaryKey && path != "" {
		return r.binary(d, path)
	}
	if path != "" {
		key = path + "/" + key
	}
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch v := token.(type) {
	case string:
		r.entries = append(r.entries, Entry{key, []byte(v)})
	case json.Number, bool:
		r.entries = append(r.entries, Entry{key, fmt.Append(nil, v)})
	case nil:
		r.problems = append(r.problems, Problem{key, "null cannot be a value"})
	case json.Delim:
		if v == '{' {
			return r.object(d, key)
		}
		r.problems = append(r.problems, Problem{key, "an array cannot be a value: write it as a string"})
		return skipArray(d)
	}
	return nil
}

// binary reads bytes that are no UTF-8.
func (r *jsonReader) binary(d *json.Decoder, path string) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	text, isText := token.(string)
	value, err := base64.StdEncoding.DecodeString(text)
	if !isText || err != nil {
		r.problems = append(r.problems, Problem{path, "the value is not base64"})
		if token == json.Delim('{') || token == json.Delim('[') {
			return skipArray(d)
		}
		return nil
	}
	r.entries = append(r.entries, Entry{path, value})
	return nil
}

// skipArray skips the rest of an array or object.
func skipArray(d *json.Decoder) error {
	for depth := 1; depth > 0; {
		token, err := d.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			depth++
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
	}
	return nil
}

// encodeJSON writes an object with the paths as members.
func encodeJSON(entries []Entry, _ Options) ([]byte, []Problem, error) {
	members := make(map[string]any, len(entries))
	for _, e := range entries {
		members[e.Path] = jsonValue(e.Value)
	}
	return marshal(members)
}

func jsonValue(value []byte) any {
	if utf8.Valid(value) {
		return string(value)
	}
	return map[string]string{binaryKey: base64.StdEncoding.EncodeToString(value)}
}

func marshal(v any) ([]byte, []Problem, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(v)
	return out.Bytes(), nil, err
}

// decodeVault reads what `vault kv get -format=json` prints, or its data alone, for version 2 and
// version 1 of the engine. Each key is a secret.
func decodeVault(data []byte) ([]Entry, []Problem, error) {
	var response struct {
		Data map[string]json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(data, &response); err != nil || response.Data == nil {
		return nil, nil, errors.New("the file is not the JSON of vault kv get")
	}
	if inner, versioned := response.Data["data"]; versioned && response.Data["metadata"] != nil || versioned && len(response.Data) == 1 {
		return decodeJSON(inner)
	}
	var outer struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(data, &outer); err != nil {
		return nil, nil, errNotJSON
	}
	return decodeJSON(outer.Data)
}

// encodeVault writes the body of a write to version 2 of the engine. Its values must be text.
func encodeVault(entries []Entry, _ Options) ([]byte, []Problem, error) {
	members := make(map[string]string, len(entries))
	var problems []Problem
	for _, e := range entries {
		if !utf8.Valid(e.Value) {
			problems = append(problems, Problem{e.Path, "the value is not UTF-8, as Vault requires"})
			continue
		}
		members[e.Path] = string(e.Value)
	}
	out, _, err := marshal(map[string]any{"data": members})
	return out, problems, err
}
