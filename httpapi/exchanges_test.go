package httpapi_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"sync"
	"testing"
)

// exchanges names the file that requests and answers are added to, as JSON lines, for
// tests/openapi to hold against the document. Without it nothing is recorded.
const exchanges = "MYVAULT_EXCHANGES"

// exchange is one line: a request as far as the handler read it, and its answer.
type exchange struct {
	Test     string      `json:"test"`
	Injected bool        `json:"injected"` // the store may answer what no store answers
	Method   string      `json:"method"`
	Target   string      `json:"target"` // as the client wrote it
	Header   http.Header `json:"header"`
	Body     []byte      `json:"body"`
	Status   int         `json:"status"`
	Answer   http.Header `json:"answer"`
	Sent     []byte      `json:"sent"`
}

// recorded returns handler with a recorder of exchanges.
func recorded(t *testing.T, handler http.Handler, injected bool) http.Handler {
	t.Helper()
	path := os.Getenv(exchanges)
	if path == "" {
		return handler
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	})
	var mu sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e := exchange{Test: t.Name(), Injected: injected, Method: r.Method, Target: r.RequestURI, Header: r.Header.Clone()}
		var read bytes.Buffer
		copied := *r // the server checks the type of the Body it made
		copied.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(r.Body, &read), r.Body}
		a := &answered{ResponseWriter: w}
		handler.ServeHTTP(a, &copied)
		if a.status == 0 {
			return // the client left, and got no answer
		}
		e.Body, e.Status, e.Answer, e.Sent = read.Bytes(), a.status, w.Header().Clone(), a.sent.Bytes()
		mu.Lock()
		defer mu.Unlock()
		if err := json.NewEncoder(file).Encode(e); err != nil {
			t.Error(err)
		}
	})
}

// answered keeps what was sent.
type answered struct {
	http.ResponseWriter
	status int
	sent   bytes.Buffer
}

func (a *answered) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (a *answered) Write(b []byte) (int, error) {
	a.sent.Write(b)
	return a.ResponseWriter.Write(b)
}
