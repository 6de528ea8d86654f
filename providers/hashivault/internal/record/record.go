// Package record is the layout of the data that the provider stores with each version of a
// secret in HashiCorp Vault. The documentation of package hashivault describes it.
package record

import (
	"crypto/rand"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/rfc3339"
)

// Member is a string stored as the name of the only member of an object, {"commonUI":""}. Vault
// returns the names of members without values (the path subkeys), so it can be read without
// moving the secret. The empty Member is null.
type Member string

// String returns the name.
func (m Member) String() string { return string(m) }

// TimeFormat writes times in UTC and whole microseconds.
const TimeFormat = "2006-01-02T15:04:05.000000Z"

// TimeMember returns t as a Member, which is empty for the zero time.
func TimeMember(t time.Time) Member {
	if t.IsZero() {
		return ""
	}
	return Member(t.UTC().Format(TimeFormat))
}

// Time returns the time that m holds, or the zero time if it holds none.
func (m Member) Time() time.Time { return parseTime(string(m)) }

func parseTime(text string) time.Time {
	t, err := rfc3339.Parse(text)
	if err != nil {
		return time.Time{}
	}
	return t.Truncate(time.Microsecond)
}

// MarshalJSONTo implements json.MarshalerTo.
func (m Member) MarshalJSONTo(e *jsontext.Encoder) error {
	var object map[string]string
	if m != "" {
		object = map[string]string{string(m): ""}
	}
	return json.MarshalEncode(e, object, json.FormatNilMapAsNull(true))
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom. In an answer without values, null is in
// place of the member's value.
func (m *Member) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	var object map[string]*string
	if err := json.UnmarshalDecode(d, &object); err != nil {
		return err
	}
	for name := range object {
		*m = max(*m, Member(name))
	}
	return nil
}

// Data is the data of one version. If it was read without values, Value and Base64 are nil.
type Data struct {
	Value       *string `json:"value,omitzero"`
	Base64      []byte  `json:"base64,omitzero"` // in place of Value
	By          Member  `json:"by,omitzero"`
	At          Member  `json:"at,omitzero"`
	Expires     Member  `json:"expires,omitzero"`
	RotateAfter Member  `json:"rotate_after,omitzero"`
	Key         Member  `json:"key,omitzero"`    // names the record
	Change      Member  `json:"change,omitzero"` // random; identifies the write
}

// NewData returns the data of a change. The caller sets Key.
func NewData(c myvault.Change, by string, at time.Time) Data {
	d := Data{
		By: Member(by), At: TimeMember(at), Expires: TimeMember(c.Expires), RotateAfter: TimeMember(c.RotateAfter),
		Change: Member(rand.Text()),
	}
	value := c.Value.RevealBytes()
	if isText(value) {
		text := string(value)
		d.Value = &text
	} else {
		d.Base64 = value
	}
	return d
}

// Name returns Key, which is empty if d is nil.
func (d *Data) Name() Member {
	if d == nil {
		return ""
	}
	return d.Key
}

// shortText is the size in bytes up to which valid UTF-8 is always stored as text.
const shortText = 4 << 10

// isText reports whether a value is stored as a JSON string. Vault encodes strings with
// encoding/json, which escapes some bytes with six; with many of them base64 is shorter.
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

// Secret returns the value, or false if there is none.
func (d *Data) Secret() (myvault.Value, bool) {
	switch {
	case d == nil:
	case d.Value != nil && *d.Value != "":
		return myvault.Text(*d.Value), true
	case len(d.Base64) > 0:
		return myvault.Bytes(d.Base64), true
	}
	return myvault.Value{}, false
}

// Metadata is what Vault returns about a version.
type Metadata struct {
	Version      uint64            `json:"version"`
	CreatedTime  string            `json:"created_time"`
	DeletionTime string            `json:"deletion_time"`
	Destroyed    bool              `json:"destroyed"`
	Custom       map[string]string `json:"custom_metadata"`
}

// State returns the state of the version.
func (m Metadata) State() myvault.State {
	if m.Destroyed {
		return myvault.Destroyed
	}
	// The deletion time is not compared with a clock, because ours may be behind Vault's. Open
	// refuses a mount with delete_version_after, so no time is set before the deletion.
	if m.DeletionTime != "" {
		return myvault.Deleted
	}
	return myvault.Live
}

// Info returns what is known of a version. It comes from d if d is not nil, otherwise from the
// tombstones, otherwise from Vault alone.
func (m Metadata) Info(addr myvault.Address, d *Data) myvault.Info {
	i := myvault.Info{Address: addr, Version: myvault.Version(m.Version), State: m.State(), At: parseTime(m.CreatedTime)}
	if d == nil {
		if t, found := ReadTombstones(m.Custom)[i.Version]; found {
			i.At, i.By, i.Expires, i.RotateAfter = t.At, t.By, t.Expires, t.RotateAfter
		}
		return i
	}
	i.By, i.Expires, i.RotateAfter = d.By.String(), d.Expires.Time(), d.RotateAfter.Time()
	if at := d.At.Time(); !at.IsZero() {
		i.At = at
	}
	return i
}
