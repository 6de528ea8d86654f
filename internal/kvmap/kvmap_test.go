package kvmap_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/kvmap"
)

func Example() {
	value, err := kvmap.Encode([]byte(`{"value": "hunter2"}`))
	fmt.Println(string(value), err)
	fmt.Println(kvmap.Decode([]byte("hunter2")))
	value, err = kvmap.Encode([]byte(`{"user": "app", "password": "hunter2"}`))
	fmt.Println(string(value), err)
	// Output:
	// hunter2 <nil>
	// {"value":"hunter2"}
	// {"user":"app","password":"hunter2"} <nil>
}

// vector is a pair of testdata/vectors.json.
type vector struct {
	Name  string
	Map   string
	Value string
	Bytes []byte `json:"value_base64"`
	Shown string
}

func (v vector) value() []byte {
	if v.Bytes != nil {
		return v.Bytes
	}
	return []byte(v.Value)
}

func vectors(t testing.TB) (accept, reject []vector) {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all struct{ Accept, Reject []vector }
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all.Accept, all.Reject
}

func TestVectors(t *testing.T) {
	accept, reject := vectors(t)
	for _, v := range accept {
		t.Run(v.Name, func(t *testing.T) {
			is := is.New(t)
			value, err := kvmap.Encode([]byte(v.Map))
			is.NoErr(err)
			is.Equal(string(value), string(v.value()))
			shown := v.Map
			if v.Shown != "" {
				shown = v.Shown
			}
			is.Equal(string(kvmap.Decode(value)), shown)
		})
	}
	for _, v := range reject {
		t.Run(v.Name, func(t *testing.T) {
			is := is.New(t)
			_, err := kvmap.Encode([]byte(v.Map))
			is.True(errors.Is(err, kvmap.ErrNotMap) || errors.Is(err, kvmap.ErrTooDeep))
		})
	}
	is := is.New(t)
	is.Equal(len(accept), 28)
	is.Equal(len(reject), 13)
}

// TestDeepMapsAreRefused: brackets in strings are no levels. A value that is nested more deeply is
// a text.
func TestDeepMapsAreRefused(t *testing.T) {
	is := is.New(t)
	nested := func(levels int) string {
		return `{"[\\\"[":` + strings.Repeat("[", levels-1) + strings.Repeat("]", levels-1) + "}"
	}
	value, err := kvmap.Encode([]byte(nested(kvmap.MaxLevels)))
	is.NoErr(err)
	is.Equal(string(kvmap.Decode(value)), nested(kvmap.MaxLevels))
	deep := nested(kvmap.MaxLevels + 1)
	_, err = kvmap.Encode([]byte(deep))
	is.True(errors.Is(err, kvmap.ErrTooDeep))
	shown := kvmap.Decode([]byte(deep))
	is.True(strings.HasPrefix(string(shown), `{"value":"`))
	back, err := kvmap.Encode(shown)
	is.NoErr(err)
	is.Equal(string(back), deep)
}

// FuzzMap: a map that is stored and shown is the same map.
func FuzzMap(f *testing.F) {
	accept, reject := vectors(f)
	for _, v := range append(accept, reject...) {
		f.Add([]byte(v.Map))
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		value, err := kvmap.Encode(object)
		if err != nil {
			if errors.Is(err, kvmap.ErrTooDeep) {
				return
			}
			if jsontext.Value(object).Kind() == '{' && jsontext.Value(object).IsValid() {
				t.Fatal("a map is refused")
			}
			return
		}
		if len(value) == 0 {
			t.Fatal("a map has no value: the vault refuses empty ones")
		}
		shown := kvmap.Decode(value)
		if a, b := canonical(t, object), canonical(t, shown); !bytes.Equal(a, b) {
			t.Fatalf("%q is shown as %q", a, b)
		}
	})
}

// FuzzValue: a value that is shown as a map and written back is the same value. Only blanks
// between the tokens of a map may differ.
func FuzzValue(f *testing.F) {
	accept, reject := vectors(f)
	for _, v := range append(accept, reject...) {
		f.Add(v.value())
		f.Add([]byte(v.Map))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if len(value) == 0 {
			return // no value is empty
		}
		shown := kvmap.Decode(value)
		if shown.Kind() != '{' || !shown.IsValid() {
			t.Fatalf("%q is shown as %q, which is no map", value, shown)
		}
		back, err := kvmap.Encode(shown)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(back, value) {
			return
		}
		compact := jsontext.Value(value).Clone()
		if compact.Compact() != nil || !bytes.Equal(back, compact) {
			t.Fatalf("%q comes back as %q", value, back)
		}
	})
}

// canonical returns an object with sorted names and one spelling of each string. Numbers keep
// their spelling.
func canonical(t *testing.T, object []byte) []byte {
	var members map[string]jsontext.Value
	if err := jsonv2.Unmarshal(object, &members); err != nil {
		t.Fatal(err)
	}
	text, err := jsonv2.Marshal(members, jsonv2.Deterministic(true), jsontext.CanonicalizeRawInts(false))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
