package vaultapi

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/myswiftagent/myvault/httpapi/internal/problem"
	"github.com/myswiftagent/myvault/httpapi/internal/request"
)

// response is the response to a request that succeeded, or to one for a deleted version.
type response struct {
	status   int            // 0: 200 with a body, 204 without
	data     any            // of the envelope
	auth     any            // of the envelope
	lease    time.Duration  // of the envelope
	mount    string         // the type of the mount that answers
	warnings []string       // of the envelope
	plain    any            // in place of the envelope
	beside   map[string]any // members beside those of the envelope
}

// envelope is the form of most responses of Vault.
type envelope struct {
	RequestID     string   `json:"request_id"`
	LeaseID       string   `json:"lease_id"`
	Renewable     bool     `json:"renewable"`
	LeaseDuration int64    `json:"lease_duration"`
	Data          any      `json:"data"`
	WrapInfo      any      `json:"wrap_info"`
	Warnings      []string `json:"warnings"`
	Auth          any      `json:"auth"`
	MountType     string   `json:"mount_type"`
}

// withBeside returns the members of e and those of beside as one object.
func (e envelope) withBeside(beside map[string]any) map[string]any {
	all := map[string]any{
		"request_id": e.RequestID, "lease_id": e.LeaseID, "renewable": e.Renewable, "lease_duration": e.LeaseDuration,
		"data": e.Data, "wrap_info": e.WrapInfo, "warnings": e.Warnings, "auth": e.Auth, "mount_type": e.MountType,
	}
	maps.Copy(all, beside)
	return all
}

// body returns what is sent as JSON, or nil.
func (c *call) body(a response) any {
	if a.plain != nil {
		return a.plain
	}
	if a.data == nil && a.auth == nil && a.warnings == nil {
		return nil
	}
	e := envelope{
		RequestID: c.id, LeaseDuration: int64((a.lease + time.Second - 1) / time.Second),
		Data: a.data, Warnings: a.warnings, Auth: a.auth, MountType: a.mount,
	}
	if a.beside != nil {
		return e.withBeside(a.beside)
	}
	return e
}

// write sends a, or the answer of err, and returns the status and size for the log.
func (c *call) write(a response, err error) (status, size int) {
	c.conn.Wait()
	header := c.writer.Header()
	for _, common := range problem.CommonHeaders() {
		header[common.Name] = common.Values
	}
	header.Set("X-Request-Id", c.id)
	c.api.config.Guard.AllowReading(c.request, header)
	if c.session == nil && c.request.ContentLength != 0 {
		// net/http would wait for the rest of the body, however slowly it comes.
		header.Set("Connection", "close")
		defer func() { _ = http.NewResponseController(c.writer).SetReadDeadline(time.Now()) }()
	}
	var buffer bytes.Buffer
	defer func() { clear(buffer.Bytes()) }() // it may contain values
	if err != nil {
		a = c.responseOf(err)
	}
	status, rendered := c.render(&buffer, a)
	if !rendered {
		// Not the error of the encoder: it may contain names in a map.
		c.failure = "the answer cannot be written as JSON"
		status, _ = c.render(&buffer, c.responseOf(errInternal))
	}
	if buffer.Len() <= request.LargeBody {
		c.leaveLarge() // a client that reads slowly must not keep the room
	}
	if buffer.Len() > 0 {
		header.Set("Content-Type", "application/json")
		header.Set("Content-Length", strconv.Itoa(buffer.Len()))
	}
	c.writer.WriteHeader(status)
	if buffer.Len() > 0 && c.request.Method != http.MethodHead {
		size, _ = c.writer.Write(buffer.Bytes()) // the client may be gone
	}
	if c.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return statusClientGone, size
	}
	return status, size
}

// statusClientGone is logged if the client left before the response, as by package httpapi.
const statusClientGone = 499

// render writes the body of a and returns its status. It reports false if that is not possible.
func (c *call) render(buffer *bytes.Buffer, a response) (status int, ok bool) {
	body := c.body(a)
	if body == nil {
		return cmp.Or(a.status, http.StatusNoContent), true
	}
	// Nil slices and maps are null, as a real Vault sends them.
	err := json.MarshalWrite(buffer, body, json.FormatNilSliceAsNull(true), json.FormatNilMapAsNull(true), json.Deterministic(true))
	if err != nil {
		buffer.Reset()
		return 0, false
	}
	buffer.WriteByte('\n')
	return cmp.Or(a.status, http.StatusOK), true
}
