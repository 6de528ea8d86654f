package hashivault

import (
	"crypto/rand"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/rfc3339"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/cluster"
)

// layout is the number of the layout under the base path, which doc.go describes. In a store of
// firstLayout, records that were written before records named their key are without a name.
const (
	layout      = "2"
	firstLayout = "1"
)

// What stands below the base path.
const (
	secretsFolder  = "secrets/"
	projectsFolder = "projects/"
	storeKey       = "store"
	defaultKey     = "default"
)

// timeFormat writes times in UTC and whole microseconds.
const timeFormat = "2006-01-02T15:04:05.000000Z"

// name is a string that stands as the one key of an object, {"commonUI":""}: keys can
// be read without moving values, through the path subkeys.
type name string

func named(s string) name { return name(s) }

func (n name) String() string { return string(n) }

func namedTime(t time.Time) name {
	if t.IsZero() {
		return ""
	}
	return named(t.UTC().Format(timeFormat))
}

// MarshalJSONTo writes the object, or null if the string is empty.
func (n name) MarshalJSONTo(e *jsontext.Encoder) error {
	var object map[string]string
	if n != "" {
		object = map[string]string{string(n): ""}
	}
	return json.MarshalEncode(e, object, json.FormatNilMapAsNull(true))
}

// UnmarshalJSONFrom reads the object. Its value is "", or null in an answer without values.
func (n *name) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	var object map[string]*string
	if err := json.UnmarshalDecode(d, &object); err != nil {
		return err
	}
	for key := range object {
		*n = max(*n, name(key))
	}
	return nil
}

// time gives the zero time where there is none, or none that can be read.
func (n name) time() time.Time {
	t, err := rfc3339.Parse(n.String())
	if err != nil {
		return time.Time{}
	}
	return t.Truncate(time.Microsecond)
}

// record is the data of one version. Read through subkeys, Value and Base64 are nil.
type record struct {
	Value       *string `json:"value,omitzero"`
	Base64      []byte  `json:"base64,omitzero"` // in place of Value, for what is no text
	By          name    `json:"by,omitzero"`
	At          name    `json:"at,omitzero"`
	Expires     name    `json:"expires,omitzero"`
	RotateAfter name    `json:"rotate_after,omitzero"`
	Key         name    `json:"key,omitzero"`    // the label of the KV secret
	Change      name    `json:"change,omitzero"` // drawn at random for each write: by it a write is known again
}

// key returns the label, which is empty if there is no record.
func (r *record) key() name {
	if r == nil {
		return ""
	}
	return r.Key
}

func newRecord(c myvault.Change, by string, at time.Time) record {
	r := record{
		By: named(by), At: namedTime(at), Expires: namedTime(c.Expires), RotateAfter: namedTime(c.RotateAfter),
		Change: named(rand.Text()),
	}
	value := c.Value.RevealBytes()
	if isText(value) {
		text := string(value)
		r.Value = &text
	} else {
		r.Base64 = value
	}
	return r
}

// shortText is a size up to which text is kept as text however many escapes it takes.
const shortText = 4 << 10

// isText reports whether the value is kept as a JSON string. Vault encodes it with
// encoding/json, which turns some bytes into six; base64 is then the smaller of the two.
func isText(value []byte) bool {
	if !utf8.Valid(value) {
		return false
	}
	if len(value) <= shortText {
		return true
	}
	escapes := 0
	for _, b := range value {
		switch {
		case b == '\n' || b == '\r' || b == '\t' || b == '"' || b == '\\':
			escapes++
		case b < ' ' || b == '<' || b == '>' || b == '&' || b == 0x7f || b == 0xe2: // 0xe2 begins U+2028
			escapes += 5
		}
	}
	return escapes <= len(value)/3
}

// value gives the value that the record holds; false where it holds none.
func (r *record) value() (myvault.Value, bool) {
	switch {
	case r == nil:
	case r.Value != nil && *r.Value != "":
		return myvault.Text(*r.Value), true
	case len(r.Base64) > 0:
		return myvault.Bytes(r.Base64), true
	}
	return myvault.Value{}, false
}

// metadata is what Vault tells with each version.
type metadata struct {
	Version      uint64            `json:"version"`
	CreatedTime  string            `json:"created_time"`
	DeletionTime string            `json:"deletion_time"`
	Destroyed    bool              `json:"destroyed"`
	Custom       map[string]string `json:"custom_metadata"`
}

// state is what became of the version.
func (m metadata) state() myvault.State {
	if m.Destroyed {
		return myvault.Destroyed
	}
	// Its time is not held against a clock, for ours may be behind Vault's. Open refuses a
	// mount that deletes by itself, so that no time is set before the deletion.
	if m.DeletionTime != "" {
		return myvault.Deleted
	}
	return myvault.Live
}

// created is Vault's own time of the version.
func (m metadata) created() time.Time {
	t, err := rfc3339.Parse(m.CreatedTime)
	if err != nil {
		return time.Time{}
	}
	return t.Truncate(time.Microsecond)
}

// info gives what is known of a version: from its record where it can be read, else from
// the notes, else from Vault alone.
func (m metadata) info(addr myvault.Address, r *record) myvault.Info {
	i := myvault.Info{Address: addr, Version: myvault.Version(m.Version), State: m.state(), At: m.created()}
	if r == nil {
		if n, found := readNotes(m.Custom)[i.Version]; found {
			i.At, i.By, i.Expires, i.RotateAfter = n.At, n.By, n.Expires, n.RotateAfter
		}
		return i
	}
	i.By, i.Expires, i.RotateAfter = r.By.String(), r.Expires.time(), r.RotateAfter.time()
	if at := r.At.time(); !at.IsZero() {
		i.At = at
	}
	return i
}

// decode reads the JSON of an answer. What does not parse was not written by Vault.
func decode[T any](a cluster.Answer) (T, error) {
	var v T
	if err := json.Unmarshal(a.Body, &v); err != nil {
		return v, foreign()
	}
	return v, nil
}
