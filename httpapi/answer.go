package httpapi

import (
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
)

// answer is what a request succeeded with.
type answer struct {
	status   int    // 0: 200
	body     any    // nil: none
	raw      []byte // in place of body: what is JSON already, with its newline
	etag     string
	location string
	link     string
	from     http.Handler // in place of all else: what answers
}

// commonHeaders are the headers of every answer: nothing is kept by caches, run, framed or
// told to other sites, and no other origin may read it.
func commonHeaders() http.Header {
	return http.Header{
		"Cache-Control":           {"no-store"},
		"Content-Security-Policy": {"default-src 'none'; frame-ancestors 'none'"},
		"Referrer-Policy":         {"no-referrer"},
		"X-Content-Type-Options":  {"nosniff"},
	}
}

// write sends the answer, or the problem that err is, and gives the status and size for the log.
func (c *call) write(w http.ResponseWriter, a answer, err error) (status, size int) {
	c.conn.waits()
	if err == nil && a.from != nil {
		return c.forward(w, a.from)
	}
	header := w.Header()
	maps.Copy(header, c.api.headers)
	header.Set("X-Request-Id", c.id)
	c.api.origins.corsHeaders(c.request, header)
	if c.session == nil && c.request.ContentLength != 0 {
		// net/http would wait for what is left of the body, however slowly it comes.
		header.Set("Connection", "close")
		defer func() { _ = http.NewResponseController(w).SetReadDeadline(time.Now()) }()
	}
	body := a.raw
	if err == nil && a.body != nil {
		body, err = json.Marshal(a.body)
		body = append(body, '\n') // a terminal shows its prompt on the next line
	}
	kind := "application/json"
	if err != nil {
		p := c.problemOf(err)
		p.addHeaders(header)
		a, body, kind = answer{status: p.status}, p.body(), "application/problem+json"
	}
	set(header, "Etag", a.etag)
	set(header, "Location", a.location)
	set(header, "Link", a.link)
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if len(body) > 0 {
		header.Set("Content-Type", kind)
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(a.status)
	if len(body) > 0 && c.request.Method != http.MethodHead {
		size, _ = w.Write(body) // the client may be gone; there is nobody to tell
	}
	if c.gone(err) {
		return statusClientGone, size
	}
	return a.status, size
}

func set(header http.Header, name, value string) {
	if value != "" {
		header.Set(name, value)
	}
}

// timestamp writes t in RFC 3339, UTC, with microseconds; "" for the zero time.
func timestamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}

// identifier gives the number by which clients know a project (path "") or a secret: the top
// 53 bits of SHA-256(project, 0x00, path), which every JSON reader keeps exactly.
func identifier(project, path string) uint64 {
	sum := sha256.Sum256([]byte(project + "\x00" + path))
	return binary.BigEndian.Uint64(sum[:]) >> 11
}
