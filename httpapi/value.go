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
		return myvault.Value{}, unprocessable("the member value is missing; it is a string, or let the member generate make it", "value")
	}
	value := myvault.Text(*text)
	if encoding != nil {
		if *encoding != base64Encoding {
			return myvault.Value{}, unprocessable("the member encoding is unknown; leave it out, or say base64", "encoding")
		}
		raw, err := base64.StdEncoding.Strict().DecodeString(*text)
		if err != nil || strings.ContainsAny(*text, "\r\n") {
			return myvault.Value{}, unprocessable("the member value is not base64; it takes the standard alphabet, padded, without line breaks", "value")
		}
		value = myvault.Bytes(raw)
	}
	return value, nil
}

// fieldError turns ErrInvalid of a member that is no name into 422.
func fieldError(err error, member string) error {
	if errors.Is(err, myvault.ErrInvalid) {
		return unprocessable(cause(err).Error(), member)
	}
	return err
}

// plain reports whether JSON carries a value as it is, and not in base64: if it is UTF-8 and fits
// the body of a request, so that a client can send back what it read.
func plain(value []byte) bool {
	return utf8.Valid(value) && quotedSize(value) <= maxBody-maxNames
}

// maxNames is room for all but the value in the body that has it.
const maxNames = 16 << 10

// quotedSize returns the size of s as [jsontext.AppendQuote] writes it, or less if it fits in any
// case.
func quotedSize(s []byte) int {
	size := len(s) + len(`""`)
	if size*6 <= maxBody-maxNames {
		return size
	}
	for _, b := range s {
		switch {
		case b == '"' || b == '\\' || b >= '\b' && b <= '\r' && b != '\v':
			size++
		case b < ' ':
			size += len(`\u0001`) - 1
		}
	}
	return size
}
