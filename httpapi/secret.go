package httpapi

import (
	"encoding/base64"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/myswiftagent/myvault"
)

// document is a body that writes its own JSON: reflection was the largest part of answering a read.
type document interface {
	// appendJSON appends one JSON value to dst. It fails for what is no UTF-8.
	appendJSON(dst []byte) ([]byte, error)
}

// secret is a secret with its value. This is the one place that knows its members.
type secret struct {
	myvault.Info
	value   myvault.Value
	expired bool
}

// secrets are an array of them.
type secrets []secret

var _, _ document = secret{}, secrets{}

func secretOf(info myvault.Info, value myvault.Value) secret {
	return secret{Info: info, value: value, expired: info.Expired(time.Now())}
}

func (s secret) appendJSON(dst []byte) (_ []byte, err error) {
	dst = strconv.AppendUint(append(dst, `{"id":`...), identifier(s.Project, s.Path), 10)
	if dst, err = appendMember(dst, `,"project":`, s.Project); err != nil {
		return dst, err
	}
	if dst, err = appendMember(dst, `,"path":`, s.Path); err != nil {
		return dst, err
	}
	if dst, err = appendValue(append(dst, `,"value":`...), s.value); err != nil {
		return dst, err
	}
	dst = strconv.AppendUint(append(dst, `,"version":`...), uint64(s.Version), 10)
	dst = appendTime(dst, `,"updated_at":"`, s.At)
	if dst, err = appendMember(dst, `,"updated_by":`, s.By); err != nil {
		return dst, err
	}
	if !s.Expires.IsZero() {
		dst = appendTime(dst, `,"expires_at":"`, s.Expires)
	}
	if s.expired {
		dst = append(dst, `,"expired":true`...)
	}
	if !s.RotateAfter.IsZero() {
		dst = appendTime(dst, `,"rotate_after":"`, s.RotateAfter)
	}
	return append(dst, '}'), nil
}

func (all secrets) appendJSON(dst []byte) (_ []byte, err error) {
	dst = append(dst, '[')
	for i, s := range all {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = s.appendJSON(dst); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// appendMember appends a name as it is given, and a text as JSON.
func appendMember(dst []byte, name, text string) ([]byte, error) {
	return jsontext.AppendQuote(append(dst, name...), text)
}

// appendTime appends a name and a quote as they are given, a time, and a quote.
func appendTime(dst []byte, name string, t time.Time) []byte {
	return append(appendTimestamp(append(dst, name...), t), '"')
}

// appendValue appends the value, and the member encoding where it needs one.
func appendValue(dst []byte, value myvault.Value) ([]byte, error) {
	raw := value.RevealBytes()
	defer clear(raw)
	if !plain(raw) {
		dst = base64.StdEncoding.AppendEncode(append(dst, '"'), raw)
		return append(dst, `","encoding":"`+base64Encoding+`"`...), nil
	}
	return jsontext.AppendQuote(dst, raw)
}
