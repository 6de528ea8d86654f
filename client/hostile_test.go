package client_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/client"
)

const (
	hostileToken = "a-very-secret-token-0123"
	hostileValue = "a-very-secret-value-4567"
)

// TestErrorsHideSecrets has servers that echo what they are sent, in every part of an answer.
func TestErrorsHideSecrets(t *testing.T) {
	both := hostileToken + " " + hostileValue
	quoted := fmt.Sprintf("%q", both)
	for name, answer := range map[string]string{
		"status line":    "HTTP/1.1 " + both + "\r\n\r\n",
		"no HTTP":        both + "\r\n\r\n",
		"header":         "HTTP/1.1 200 OK\r\n" + both + "\r\n\r\n",
		"header name":    "HTTP/1.1 200 OK\r\nX " + both + ": x\r\n\r\n",
		"length":         "HTTP/1.1 200 OK\r\nContent-Length: " + both + "\r\n\r\n",
		"encoding":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: " + both + "\r\n\r\n",
		"chunk":          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + both + "\r\n",
		"redirect":       "HTTP/1.1 302 Found\r\nLocation: http://" + hostileToken + "\r\nContent-Length: 0\r\n\r\n",
		"bad redirect":   "HTTP/1.1 302 Found\r\nLocation: http://[" + both + "\r\nContent-Length: 0\r\n\r\n",
		"body":           reply(200, "application/json", both),
		"string":         reply(200, "application/json", quoted),
		"member":         reply(200, "application/json", `{"version":`+quoted+`}`),
		"time":           reply(200, "application/json", `{"project":"newsbot","path":"prod/db","version":1,"updated_at":`+quoted+`}`),
		"detail":         reply(400, "application/problem+json", `{"code":"invalid","detail":`+quoted+`}`),
		"detail token":   reply(400, "application/problem+json", `{"code":"invalid","detail":"x `+hostileToken+`"}`),
		"change":         reply(400, "application/problem+json", `{"code":"invalid","index":0,"detail":"change 1: `+hostileValue+`"}`),
		"code":           reply(400, "application/problem+json", `{"code":`+quoted+`,"detail":"x"}`),
		"other media":    reply(500, both, both),
		"control":        reply(422, "application/problem+json", `{"code":"invalid_body","detail":"\u001b[2J"}`),
		"endless detail": reply(422, "application/problem+json", `{"code":"invalid_body","detail":"`+strings.Repeat("x", 10_000)+`"}`),
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			c := newClient(t, client.Config{Address: rawServer(t, answer), Service: "newsbot", Token: myvault.Text(hostileToken), Attempts: 1})
			_, getErr := c.Get(t.Context(), db)
			_, putErr := c.Put(t.Context(), db, myvault.Text(hostileValue))
			_, listErr := c.ListPage(t.Context(), myvault.ListOptions{Prefix: myvault.Prefix{Project: "newsbot"}}, 10)
			for _, err := range []error{getErr, putErr, listErr} {
				is.True(err != nil)
				text := fmt.Sprintf("%v %+v", err, err)
				is.True(!strings.Contains(text, hostileToken))
				is.True(err == listErr || !strings.Contains(text, hostileValue)) // a listing has no values
				is.True(!strings.Contains(text, "\x1b"))
				is.True(!strings.Contains(text, "project="))
				is.True(len(err.Error()) < 600)
			}
		})
	}
}

func reply(status int, kind, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d Status\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", status, kind, len(body), body)
}

// rawServer answers each request with the same bytes and closes the connection.
func rawServer(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(conn, answer)
			}
			_ = conn.Close()
		}
	}()
	return "http://" + l.Addr().String()
}

// TestRedirectsAreNotFollowed: the credentials would go with them.
func TestRedirectsAreNotFollowed(t *testing.T) {
	is := is.New(t)
	var reached atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+r.URL.Path, status)
		}))
		c := newClient(t, client.Config{Address: s.URL, Service: "newsbot", Token: myvault.Text(hostileToken)})
		_, err := c.Get(t.Context(), db)
		isErr(is, err, myvault.ErrUnavailable)
		_, err = c.Put(t.Context(), db, myvault.Text("x"))
		isErr(is, err, myvault.ErrUnavailable)
		s.Close()
	}
	is.True(!reached.Load())
}

// TestNextPageStaysAtTheServer: a Link to another server does not get the credentials.
func TestNextPageStaysAtTheServer(t *testing.T) {
	is := is.New(t)
	var reached atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Store(true) }))
	defer other.Close()
	var cursors []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if cursors = append(cursors, r.URL.Query().Get("cursor")); len(cursors) == 1 {
			w.Header().Set("Link", "<"+other.URL+`/api/secrets?cursor=second>; rel="next"`)
		}
		_, _ = io.WriteString(w, "[]\n")
	}))
	defer s.Close()
	c := newClient(t, client.Config{Address: s.URL, Service: "newsbot", Token: myvault.Text(hostileToken)})
	_, err := collect(c.List(t.Context(), myvault.ListOptions{}))
	is.NoErr(err)
	is.Equal(cursors, []string{"", "second"})
	is.True(!reached.Load())
}

// TestAnswersAreBounded: an endless answer is no answer.
func TestAnswersAreBounded(t *testing.T) {
	is := is.New(t)
	var sent atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		block := make([]byte, 1<<20)
		for {
			n, err := w.Write(block)
			if err != nil {
				return
			}
			sent.Add(int64(n))
		}
	}))
	defer s.Close()
	c := newClient(t, client.Config{Address: s.URL, Service: "newsbot", Token: myvault.Text(hostileToken), Attempts: 1})
	_, err := c.Get(t.Context(), db)
	isErr(is, err, myvault.ErrUnavailable)
	is.True(sent.Load() < 64<<20) // the buffers of the connection, and not the memory of this process
}

// TestOnlyProblemsAreBelieved: an answer of a proxy does not say that a secret is missing.
func TestOnlyProblemsAreBelieved(t *testing.T) {
	is := is.New(t)
	for _, answer := range []string{
		reply(404, "application/json", `{"code":"not_found","detail":"x"}`), reply(404, "text/html", "not found"),
		reply(403, "application/problem+json", `{"code":"blocked_by_proxy","detail":"x"}`), reply(404, "application/problem+json", `{}`),
	} {
		c := newClient(t, client.Config{Address: rawServer(t, answer), Service: "newsbot", Token: myvault.Text(hostileToken)})
		_, err := c.Get(t.Context(), db)
		isErr(is, err, myvault.ErrUnavailable)
		_, err = c.Put(t.Context(), db, myvault.Text("x"))
		isErr(is, err, myvault.ErrUnknownOutcome)
	}
}

// TestAnswerOfAnotherAddress: an answer that a cache mixed up is not used.
func TestAnswerOfAnotherAddress(t *testing.T) {
	is := is.New(t)
	body := `{"project":"newsbot","path":"prod/other","value":"x","version":1,"updated_at":"2026-01-31T12:00:00.000000Z","updated_by":"a"}`
	c := newClient(t, client.Config{Address: rawServer(t, reply(200, "application/json", body)), Service: "newsbot", Token: myvault.Text(hostileToken)})
	_, err := c.Get(t.Context(), db)
	isErr(is, err, myvault.ErrUnavailable)
}
