package httpapi

import (
	"bytes"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/myswiftagent/myvault"
)

// writeWait is how long a client may take to read what is sent at once.
const writeWait = 30 * time.Second

// stream sends events as server-sent events
// (html.spec.whatwg.org/multipage/server-sent-events.html) until the watch ends. If it ends before
// the first one, its error is returned.
func (c *call) stream(r myvault.WatchOptions) (response, error) {
	s := &stream{call: c, control: http.NewResponseController(c.writer)}
	for e, err := range c.session.Watch(c.ctx, r) {
		if c.conn.Outdated(c.request) {
			err = myvault.ErrUnauthenticated
		}
		switch {
		case err != nil && !s.begun:
			return response{}, err
		case err != nil:
			s.end(err)
			return s.response(), nil
		case !s.send(e):
			return s.response(), nil
		}
	}
	return s.response(), nil
}

// stream is a response that is being sent.
type stream struct {
	*call
	control *http.ResponseController
	begun   bool
	buffer  bytes.Buffer
	size    int
}

// response returns a response that has been sent.
func (s *stream) response() response {
	return response{from: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.(*counting).size = s.size
	})}
}

// begin sends the headers.
func (s *stream) begin() {
	s.begun = true
	header := s.writer.Header()
	for _, common := range s.api.headers {
		header[common.Name] = common.Values
	}
	header.Set("X-Request-Id", s.id)
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // nginx would collect events
	s.api.guard.AllowReading(s.request, header)
	s.writer.WriteHeader(http.StatusOK)
}

// send sends an event, and reports whether the client can get more.
func (s *stream) send(e myvault.Event) bool {
	if !s.begun {
		s.begin()
		if s.request.Method == http.MethodHead {
			return false
		}
	}
	if len(e.Changes) == 0 {
		return s.write("bookmark", s.cursorOf(e.Position), []byte("{}"))
	}
	data, err := json.Marshal(eventOf(e))
	return err == nil && s.write("change", s.cursorOf(e.Position), data)
}

// end sends the reason for which the stream ends. A client that should connect again gets none.
func (s *stream) end(err error) {
	if s.ctx.Err() == nil {
		s.write("problem", "", bytes.TrimSpace(s.problemOf(err).Body()))
	}
}

// write sends one event at once.
func (s *stream) write(kind, id string, data []byte) bool {
	s.buffer.Reset()
	if id != "" {
		s.buffer.WriteString("id: " + id + "\n")
	}
	s.buffer.WriteString("event: " + kind + "\ndata: ")
	s.buffer.Write(data)
	s.buffer.WriteString("\n\n")
	// A server may support no deadlines or flush on its own: only the write decides.
	_ = s.control.SetWriteDeadline(time.Now().Add(writeWait))
	n, err := s.writer.Write(s.buffer.Bytes())
	s.size += n
	if err == nil {
		_ = s.control.Flush()
	}
	return err == nil
}
