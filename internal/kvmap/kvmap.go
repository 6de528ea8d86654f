// Package kvmap converts between the maps of HashiCorp Vault's KV engine and values of a vault. A
// map is one value, so versions, check-and-set and deletion are those of the value.
//
//	value, err := kvmap.Encode([]byte(`{"user":"app","password":"hunter2"}`)) // the JSON itself
//	value, err := kvmap.Encode([]byte(`{"value":"hunter2"}`))                 // hunter2
//	object := kvmap.Decode([]byte("hunter2"))                                // {"value":"hunter2"}
//
// The conversion is a bijection between maps and values: Decode(Encode(m)) is m, and
// Encode(Decode(v)) is v, apart from blanks between the tokens of a map's JSON. Numbers and
// strings keep their spelling. docs/kv-format.md is the specification, and testdata has vectors
// for other implementations.
package kvmap

import (
	"bytes"
	"encoding/base64"
	"errors"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The members of the maps that are stored as a value that is no map.
const (
	valueName      = "value"
	encodingName   = "encoding"
	base64Encoding = "base64"
)

// ErrNotMap is returned by [Encode] for text that is no JSON object in valid UTF-8 with unique
// names. It never contains the text.
var ErrNotMap = errors.New("kvmap: not a JSON object in valid UTF-8 with unique names")

// MaxLevels is how many objects and arrays of a map may contain each other. Clients read a map
// inside other objects, and Python reads less than 1,000 levels.
const MaxLevels = 500

// ErrTooDeep is returned by [Encode] for a map of more than [MaxLevels] levels.
var ErrTooDeep = errors.New("kvmap: the map has more than 500 levels: nest it less deeply")

// Encode returns the value of a map, which is given as a JSON object.
func Encode(object []byte) ([]byte, error) {
	text := jsontext.Value(object).Clone()
	if text.Kind() != '{' || !text.IsValid() || text.Compact() != nil {
		return nil, ErrNotMap
	}
	if levels(text) > MaxLevels {
		return nil, ErrTooDeep
	}
	if value, ok := single(text); ok {
		return value, nil
	}
	return text, nil
}

// Decode returns the map of a value, as a JSON object without blanks.
func Decode(value []byte) jsontext.Value {
	switch {
	case !utf8.Valid(value):
		text := append([]byte(`{"value":"`), base64.StdEncoding.EncodeToString(value)...)
		return append(text, `","encoding":"base64"}`...)
	case isMap(value):
		text := jsontext.Value(value).Clone()
		_ = text.Compact() // valid, as isMap has found
		return text
	}
	text, _ := jsontext.AppendQuote([]byte(`{"value":`), value) // fails for invalid UTF-8 only
	return append(text, '}')
}

// isMap reports whether value is the JSON of a map, and not that of a map which [Encode] stores as
// another value.
func isMap(value []byte) bool {
	text := jsontext.Value(value)
	if text.Kind() != '{' || !text.IsValid() || levels(text) > MaxLevels {
		return false
	}
	_, other := single(text)
	return !other
}

// levels returns how many objects and arrays of text, which is valid JSON, contain each other.
func levels(text jsontext.Value) (most int) {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{', c == '[':
			depth++
			most = max(most, depth)
		case c == '}', c == ']':
			depth--
		}
	}
	return most
}

// single returns the value that object, a valid JSON object, is stored as if it is {"value": text},
// or {"value": base64, "encoding": "base64"} of bytes that are not UTF-8. It reports false for
// every other map, and if the value itself would be shown as another map.
func single(object jsontext.Value) ([]byte, bool) {
	// Two names at most, so larger maps cost no allocations for their members.
	if !hasFewMembers(object) {
		return nil, false
	}
	var members map[string]jsontext.Value
	if json.Unmarshal(object, &members) != nil {
		return nil, false
	}
	text, ok := StringOf(members[valueName])
	if !ok {
		return nil, false
	}
	if len(members) == 1 {
		return []byte(text), text != "" && !isMap([]byte(text))
	}
	if encoding, ok := StringOf(members[encodingName]); !ok || encoding != base64Encoding {
		return nil, false
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	canonical := err == nil && base64.StdEncoding.EncodeToString(raw) == text // no line breaks
	return raw, canonical && !utf8.Valid(raw)
}

// hasFewMembers reports whether object has one or two members.
func hasFewMembers(object jsontext.Value) bool {
	decoder := jsontext.NewDecoder(bytes.NewReader(object))
	if _, err := decoder.ReadToken(); err != nil {
		return false
	}
	for n := 0; ; n++ {
		if decoder.PeekKind() == '}' {
			return n > 0
		}
		if n == 2 || decoder.SkipValue() != nil || decoder.SkipValue() != nil {
			return false
		}
	}
}

// StringOf returns the text of a JSON string, and false for any other value.
func StringOf(v jsontext.Value) (string, bool) {
	if v.Kind() != '"' {
		return "", false
	}
	text, err := jsontext.AppendUnquote(nil, v)
	return string(text), err == nil
}
