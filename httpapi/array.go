package httpapi

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// array is an array of a body, of at most so many items. It is read item by item and only so far: a
// body of 1 MiB has room for 350,000 empty objects, for which reading it whole allocates 170 MB.
type array[T any] struct {
	limit int
	items []T
}

var _ json.UnmarshalerFrom = (*array[int])(nil)

// tooMany is the error of an array with more items than its limit.
type tooMany struct{ limit int }

func (e *tooMany) Error() string { return fmt.Sprintf("more than %d items", e.limit) }

// UnmarshalJSONFrom reads the array; null is an empty one. Its errors are those of [json.Unmarshal],
// with *tooMany for one item too many, behind which nothing is read.
func (a *array[T]) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	switch from.PeekKind() {
	case 'n':
		return from.SkipValue()
	case '[':
	default:
		return json.UnmarshalDecode(from, &a.items) // the error of a wrong type
	}
	if _, err := from.ReadToken(); err != nil {
		return err
	}
	for from.PeekKind() != ']' {
		if len(a.items) == a.limit {
			return &tooMany{a.limit}
		}
		var item T
		if err := json.UnmarshalDecode(from, &item); err != nil {
			return err
		}
		a.items = append(a.items, item)
	}
	_, err := from.ReadToken()
	return err
}
