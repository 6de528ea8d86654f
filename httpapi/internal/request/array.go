package request

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Array is an array in a body, of at most Max items. It is decoded item by item up to the limit: a
// body of 1 MiB can contain 350,000 empty objects, whose decoding allocates 170 MB.
type Array[T any] struct {
	Max   int
	Items []T
}

var _ json.UnmarshalerFrom = (*Array[int])(nil)

// TooManyError is the error for an array with more items than its limit.
type TooManyError struct{ Max int }

// Error returns the limit, and nothing of the body.
func (e *TooManyError) Error() string { return fmt.Sprintf("more than %d items", e.Max) }

// UnmarshalJSONFrom decodes the array; null is an empty one. Its errors are those of
// [json.Unmarshal], and *TooManyError, after which it decodes no further.
func (a *Array[T]) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	if from.PeekKind() != '[' {
		return json.UnmarshalDecode(from, &a.Items) // null, or the error of a wrong type
	}
	if _, err := from.ReadToken(); err != nil {
		return err
	}
	for from.PeekKind() != ']' {
		if len(a.Items) == a.Max {
			return &TooManyError{a.Max}
		}
		var item T
		if err := json.UnmarshalDecode(from, &item); err != nil {
			return err
		}
		a.Items = append(a.Items, item)
	}
	_, err := from.ReadToken()
	return err
}
