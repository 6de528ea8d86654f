package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/myswiftagent/myvault/httpapi/internal/problem"
)

// maxBody is the size limit of a request body, in bytes (1 MiB).
const maxBody = 1 << 20

// decode reads the body into a struct, strictly: one JSON value in valid UTF-8, without
// duplicate or unknown names, which are case-sensitive. takes describes the members for
// errors, which never repeat the body: it may contain a secret.
func (c *call) decode(into any, takes string) error {
	if !c.sentJSON() {
		return &problem.Problem{Status: http.StatusUnsupportedMediaType, Detail: "send the body with Content-Type: application/json and without Content-Encoding"}
	}
	body, err := c.readBody()
	if err != nil {
		return err
	}
	err = json.Unmarshal(body, into, json.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	// The decoder stops at the first wrong member. Only a body that is valid JSON to its
	// end is 422.
	if !jsontext.Value(body).IsValid() {
		return badRequest("malformed JSON: send one object in valid UTF-8, without duplicate names or trailing data")
	}
	semantic, ok := errors.AsType[*json.SemanticError](err)
	many, over := errors.AsType[*tooMany](err)
	switch {
	case ok && over:
		return unprocessable(fmt.Sprintf("member %s has more than %d items: send fewer at once", semantic.JSONPointer, many.limit), memberOf(semantic.JSONPointer))
	case ok && errors.Is(err, json.ErrUnknownName):
		return within(semantic.JSONPointer, &problem.Problem{
			Status: http.StatusUnprocessableEntity, Detail: "unknown member: the body takes " + takes,
		})
	case ok && semantic.JSONPointer != "":
		return within(semantic.JSONPointer, &problem.Problem{
			Status: http.StatusUnprocessableEntity, Member: memberOf(semantic.JSONPointer),
			Detail: "wrong type of member " + string(semantic.JSONPointer) + ": the body takes " + takes,
		})
	}
	return unprocessable("wrong type: the body is an object with " + takes)
}

// memberOf returns the last name in a pointer to a value of the wrong type. It is a name of
// the API.
func memberOf(pointer jsontext.Pointer) string {
	for ; pointer != ""; pointer = pointer.Parent() {
		if _, err := strconv.Atoi(pointer.LastToken()); err != nil {
			return pointer.LastToken()
		}
	}
	return ""
}

// within adds to p the index of the change that pointer, into a body of POST /api/changes,
// is in.
func within(pointer jsontext.Pointer, p *problem.Problem) error {
	rest, found := strings.CutPrefix(string(pointer), "/changes/")
	number, _, _ := strings.Cut(rest, "/")
	if index, err := strconv.Atoi(number); found && err == nil {
		p.Change = &problem.Change{Index: index}
	}
	return p
}

// sentJSON reports whether the body is declared as JSON.
func (c *call) sentJSON() bool {
	header := c.request.Header
	if len(header["Content-Type"]) != 1 || header.Get("Content-Encoding") != "" {
		return false
	}
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	charset, given := params["charset"]
	return err == nil && kind == "application/json" && (!given || strings.EqualFold(charset, "utf-8"))
}

// readBody reads the body up to its limit. It enters the room of large bodies only once so
// much has arrived.
func (c *call) readBody() ([]byte, error) {
	tooLarge := &problem.Problem{Status: http.StatusRequestEntityTooLarge, Detail: "the body is over 1 MiB: send less at once"}
	if c.request.ContentLength > maxBody {
		return nil, tooLarge
	}
	c.conn.Wait()
	defer c.conn.Resume()
	var body bytes.Buffer
	limited := http.MaxBytesReader(c.writer, c.request.Body, maxBody)
	_, err := io.CopyN(&body, limited, largeBody+1)
	if err == nil { // there is more
		if err := c.api.bodies.Acquire(c.ctx, c.service); err != nil {
			return nil, err
		}
		defer c.api.bodies.Release(c.service)
		if rest := c.request.ContentLength - int64(body.Len()); rest > 0 {
			body.Grow(int(rest) + bytes.MinRead) // in one allocation
		}
		_, err = io.Copy(&body, limited)
	}
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return nil, tooLarge
	}
	if err != nil && err != io.EOF {
		return nil, badRequest("the body ended early: send it again")
	}
	if body.Len() > largeBody {
		return body.Bytes(), c.enterLarge()
	}
	return body.Bytes(), nil
}

// array is an array in a body, of at most limit items. It is decoded item by item up to the
// limit: a body of 1 MiB can contain 350,000 empty objects, whose decoding allocates 170
// MB.
type array[T any] struct {
	limit int
	items []T
}

var _ json.UnmarshalerFrom = (*array[int])(nil)

// tooMany is the error for an array with more items than its limit.
type tooMany struct{ limit int }

func (e *tooMany) Error() string { return fmt.Sprintf("more than %d items", e.limit) }

// UnmarshalJSONFrom decodes the array; null is an empty one. Its errors are those of
// [json.Unmarshal], and *tooMany, after which it decodes no further.
func (a *array[T]) UnmarshalJSONFrom(from *jsontext.Decoder) error {
	if from.PeekKind() != '[' {
		return json.UnmarshalDecode(from, &a.items) // null, or the error of a wrong type
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
