// Package problem writes errors as application/problem+json (RFC 9457), for the API and its
// guard.
package problem

import (
	"cmp"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"

	"github.com/myswiftagent/myvault"
)

// ContentType is the media type of a problem.
const ContentType = "application/problem+json"

// Problem is an error as the client sees it.
type Problem struct {
	Status int
	Code   string // "": the usual code of Status
	Detail string // what to do; "": the text of Status
	Member string // the member of the body that is wrong; "": none, or unknown
	Action string // the action that the policy denies; "": none
	Change *Change
	Allow  string // the header Allow of a 405
	Retry  string // seconds until a retry makes sense; "": unknown
}

// Change is the change of a batch that was refused.
type Change struct {
	Index   int
	Address myvault.Address // zero if it is malformed
}

// codes are the usual codes of problems by status.
var codes = map[int]string{
	http.StatusBadRequest:            "invalid",
	http.StatusUnauthorized:          "unauthenticated",
	http.StatusForbidden:             "denied",
	http.StatusNotFound:              "not_found",
	http.StatusMethodNotAllowed:      "method_not_allowed",
	http.StatusConflict:              "conflict",
	http.StatusGone:                  "destroyed",
	http.StatusPreconditionFailed:    "precondition_failed",
	http.StatusRequestEntityTooLarge: "too_large",
	http.StatusUnsupportedMediaType:  "not_json",
	http.StatusMisdirectedRequest:    "misdirected",
	http.StatusUnprocessableEntity:   "invalid_body",
	http.StatusTooManyRequests:       "too_many_failures",
	http.StatusInternalServerError:   "internal",
	http.StatusNotImplemented:        "not_supported",
	http.StatusServiceUnavailable:    "busy",
}

// Error returns the detail.
func (p *Problem) Error() string { return p.Detail }

// Kind returns the stable code of p.
func (p *Problem) Kind() string { return cmp.Or(p.Code, codes[p.Status]) }

// Body returns p as JSON, with a newline. Clients of the Python service read the string detail.
func (p *Problem) Body() []byte {
	title := http.StatusText(p.Status)
	members := struct {
		Type    string `json:"type"`
		Title   string `json:"title"`
		Status  int    `json:"status"`
		Detail  string `json:"detail"`
		Code    string `json:"code"`
		Member  string `json:"member,omitempty"`
		Action  string `json:"action,omitempty"`
		Index   *int   `json:"index,omitzero"`
		Project string `json:"project,omitempty"`
		Path    string `json:"path,omitempty"`
	}{
		Type: "about:blank", Title: title, Status: p.Status, Detail: cmp.Or(p.Detail, title), Code: p.Kind(),
		Member: p.Member, Action: p.Action,
	}
	if p.Change != nil {
		members.Index, members.Project, members.Path = &p.Change.Index, p.Change.Address.Project, p.Change.Address.Path
	}
	body, _ := json.Marshal(members) // strings and numbers: this cannot fail
	return append(body, '\n')
}

// Write answers a request with p.
func (p *Problem) Write(w http.ResponseWriter) {
	header, body := w.Header(), p.Body()
	for _, common := range CommonHeaders() {
		header[common.Name] = common.Values
	}
	header.Set("Content-Type", ContentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if p.Retry != "" {
		header.Set("Retry-After", p.Retry)
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // the client may be gone
}

// Header is a header under its canonical name.
type Header struct {
	Name   string
	Values []string
}

// CommonHeaders returns the headers of every answer: it must not be cached, run or framed, nor
// read by pages of other sites.
func CommonHeaders() []Header {
	return []Header{
		{"Cache-Control", []string{"no-store"}},
		{"Content-Security-Policy", []string{"default-src 'none'; frame-ancestors 'none'"}},
		{"Referrer-Policy", []string{"no-referrer"}},
		{"X-Content-Type-Options", []string{"nosniff"}},
	}
}
