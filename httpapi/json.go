package httpapi

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/myswiftagent/myvault/httpapi/internal/problem"
	"github.com/myswiftagent/myvault/httpapi/internal/request"
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
	many, over := errors.AsType[*request.TooManyError](err)
	switch {
	case ok && over:
		return unprocessable(fmt.Sprintf("member %s has more than %d items: send fewer at once", semantic.JSONPointer, many.Max), memberOf(semantic.JSONPointer))
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
	body, err := request.Body(c.ctx, c.writer, c.request, request.BodyLimits{
		Max: maxBody, Bodies: c.api.guard.Bodies(), Service: c.service,
	})
	switch {
	case errors.Is(err, request.ErrTooLarge):
		return nil, tooLarge
	case errors.Is(err, request.ErrEnded):
		return nil, badRequest("the body ended early: send it again")
	case err == nil && len(body) > largeBody:
		return body, c.enterLarge()
	}
	return body, err
}
