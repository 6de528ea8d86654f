package hashivault

import (
	"errors"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// What every read brings is decoded by hand: by reflection it was a tenth of what a read costs
// this process. What is refused is the same: duplicate names, invalid UTF-8, other types.

var (
	_ json.UnmarshalerFrom = (*version)(nil)
	_ json.UnmarshalerFrom = (*record)(nil)
	_ json.UnmarshalerFrom = (*metadata)(nil)
	_ json.UnmarshalerFrom = (*name)(nil)
	_ json.MarshalerTo     = name("")
)

var errType = errors.New("a member is of another type")

// UnmarshalJSONFrom reads an answer of data or of subkeys.
func (v *version) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	return members(d, func(name []byte) error {
		if string(name) != `"data"` {
			return d.SkipValue()
		}
		return members(d, func(name []byte) error {
			switch string(name) {
			case `"data"`:
				return optional(d, &v.Data.Data)
			case `"subkeys"`:
				return optional(d, &v.Data.Subkeys)
			case `"metadata"`:
				return optional(d, &v.Data.Meta)
			}
			return d.SkipValue()
		})
	})
}

// UnmarshalJSONFrom reads the data of a version.
func (r *record) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	return members(d, func(name []byte) error {
		switch string(name) {
		case `"value"`:
			if d.PeekKind() == 'n' {
				return d.SkipValue()
			}
			r.Value = new(string)
			return text(d, r.Value)
		case `"base64"`:
			return json.UnmarshalDecode(d, &r.Base64)
		case `"by"`:
			return r.By.UnmarshalJSONFrom(d)
		case `"at"`:
			return r.At.UnmarshalJSONFrom(d)
		case `"expires"`:
			return r.Expires.UnmarshalJSONFrom(d)
		case `"rotate_after"`:
			return r.RotateAfter.UnmarshalJSONFrom(d)
		case `"key"`:
			return r.Key.UnmarshalJSONFrom(d)
		case `"change"`:
			return r.Change.UnmarshalJSONFrom(d)
		}
		return d.SkipValue()
	})
}

// UnmarshalJSONFrom reads what Vault tells of a version.
func (m *metadata) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	return members(d, func(name []byte) error {
		switch string(name) {
		case `"version"`:
			return number(d, &m.Version)
		case `"created_time"`:
			return text(d, &m.CreatedTime)
		case `"deletion_time"`:
			return text(d, &m.DeletionTime)
		case `"destroyed"`:
			return truth(d, &m.Destroyed)
		case `"custom_metadata"`:
			if d.PeekKind() == 'n' {
				return d.SkipValue()
			}
			return json.UnmarshalDecode(d, &m.Custom)
		}
		return d.SkipValue()
	})
}

// UnmarshalJSONFrom takes the key of the object. Its value is "", and null where Vault gives no values.
func (n *name) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	if d.PeekKind() == 'n' {
		return d.SkipValue()
	}
	if err := begin(d); err != nil {
		return err
	}
	for d.PeekKind() == '"' {
		if err := text(d, (*string)(n)); err != nil {
			return err
		}
		if k := d.PeekKind(); k != '"' && k != 'n' {
			return errType
		}
		if err := d.SkipValue(); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

// MarshalJSONTo writes the object with the one key.
func (n name) MarshalJSONTo(e *jsontext.Encoder) error {
	if n == "" {
		return e.WriteToken(jsontext.Null)
	}
	return errors.Join(e.WriteToken(jsontext.BeginObject), e.WriteToken(jsontext.String(string(n))),
		e.WriteToken(jsontext.String("")), e.WriteToken(jsontext.EndObject))
}

// members reads an object, or null as one without members. each gets a name as it is written, with its quotes, until
// it reads the value, which it has to.
func members(d *jsontext.Decoder, each func(name []byte) error) error {
	if d.PeekKind() == 'n' {
		return d.SkipValue()
	}
	if err := begin(d); err != nil {
		return err
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadValue()
		if err != nil {
			return err
		}
		if err := each(name); err != nil {
			return err
		}
	}
	_, err := d.ReadToken()
	return err
}

func begin(d *jsontext.Decoder) error {
	switch t, err := d.ReadToken(); {
	case err != nil:
		return err
	case t.Kind() != '{':
		return errType
	}
	return nil
}

// optional reads what may be null.
func optional[T any, P interface {
	*T
	json.UnmarshalerFrom
}](d *jsontext.Decoder, to **T) error {
	if d.PeekKind() == 'n' {
		return d.SkipValue()
	}
	*to = new(T)
	return P(*to).UnmarshalJSONFrom(d)
}

func text(d *jsontext.Decoder, to *string) error {
	t, err := d.ReadToken()
	switch {
	case err != nil:
		return err
	case t.Kind() == 'n':
		return nil
	case t.Kind() != '"':
		return errType
	}
	*to = t.String()
	return nil
}

func number(d *jsontext.Decoder, to *uint64) error {
	v, err := d.ReadValue()
	if err == nil && v.Kind() != 'n' {
		*to, err = strconv.ParseUint(string(v), 10, 64)
	}
	return err
}

func truth(d *jsontext.Decoder, to *bool) error {
	v, err := d.ReadValue()
	switch {
	case err != nil:
		return err
	case v.Kind() != 't' && v.Kind() != 'f' && v.Kind() != 'n':
		return errType
	}
	*to = v.Kind() == 't'
	return nil
}
