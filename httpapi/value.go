package httpapi

import (
	"encoding/base64"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/myswiftagent/myvault"
)

const base64Encoding = "base64"

// readValue makes a value of the members "value" and "encoding" of a body. Base64 is RFC 4648
// section 4, padded, without line breaks.
func readValue(text, encoding *string) (myvault.Value, error) {
	if text == nil {
		return myvault.Value{}, unprocessable("the member value is missing; it is a string, or let the member generate make it")
	}
	value := myvault.Text(*text)
	if encoding != nil {
		if *encoding != base64Encoding {
			return myvault.Value{}, unprocessable("the member encoding is unknown; leave it out, or say base64")
		}
		raw, err := base64.StdEncoding.Strict().DecodeString(*text)
		if err != nil || strings.ContainsAny(*text, "\r\n") {
			return myvault.Value{}, unprocessable("the member value is not base64; it takes the standard alphabet, padded, without line breaks")
		}
		value = myvault.Bytes(raw)
	}
	return value, nil
}

// fieldError turns ErrInvalid of a member that is no name into 422.
func fieldError(err error) error {
	if errors.Is(err, myvault.ErrInvalid) {
		return unprocessable(cause(err).Error())
	}
	return err
}

// showValue gives a value as JSON carries it: plain text without an encoding, or base64
// where it is not UTF-8, or where it would grow over the limit that a body has.
func showValue(value myvault.Value) (text, encoding string) {
	text = value.Reveal()
	if !utf8.ValidString(text) || escapedSize(text) > maxBody-maxNames {
		return base64.StdEncoding.EncodeToString([]byte(text)), base64Encoding
	}
	return text, ""
}

// maxNames is room for all but the value in the body that has it.
const maxNames = 16 << 10

// escapedSize gives the size that s has in JSON, or more: control characters take up to six bytes.
func escapedSize(s string) int {
	size := len(s)
	if size*6 <= maxBody-maxNames {
		return size
	}
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] == '"' || s[i] == '\\' {
			size += 5
		}
	}
	return size
}
