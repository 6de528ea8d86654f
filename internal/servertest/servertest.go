// Package servertest has what the tests of servers share: a listener, a log that is read while the
// server writes it, and one request.
package servertest

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
)

// Listen listens on an address.
func Listen(t testing.TB, network, address string) net.Listener {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return listener
}

// Log is a log that may be read while it is written.
type Log struct {
	OnWrite func(line []byte) // called before each Write, unless it is nil

	mu   sync.Mutex
	text bytes.Buffer
}

// Write appends to the log.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.OnWrite != nil {
		l.OnWrite(p)
	}
	return l.text.Write(p)
}

// String returns the whole log.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Get sends a request with pairs of header names and values, and returns the status and the body.
// If there is no answer, the status is 0.
func Get(t testing.TB, client *http.Client, url string, headers ...string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header[headers[i]] = append(request.Header[headers[i]], headers[i+1])
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Log(err)
		return 0, ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}
