package serve_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/internal/servertest"
)

// TestStrangersPushOutEachOther: with all places taken by those who trickle, a client gets
// in, and one that proved itself stays.
func TestStrangersPushOutEachOther(t *testing.T) {
	is := is.New(t)
	s := start(t, servertest.Listen(t, "tcp", "127.0.0.1:0"), serve.Config{MaxConnections: 4})
	proven, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	is.NoErr(err)
	defer proven.Close()
	answers := bufio.NewReader(proven)
	ask := func() int {
		_, err := fmt.Fprintf(proven, "GET /whoami HTTP/1.1\r\nHost: localhost\r\nX-Service: admin\r\n\r\n")
		is.NoErr(err)
		answer, err := http.ReadResponse(answers, nil)
		is.NoErr(err)
		_, err = io.Copy(io.Discard, answer.Body)
		is.NoErr(err)
		return answer.StatusCode
	}
	is.Equal(ask(), 200) // its connection stays
	type end struct {
		answer string
		err    error
	}
	ends := make(chan end, 10)
	var strangers []net.Conn
	for range 10 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		is.NoErr(err)
		defer conn.Close()
		_, err = io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: localh")
		is.NoErr(err)
		strangers = append(strangers, conn)
		go func() {
			answer := make([]byte, 12)
			_, err := io.ReadFull(conn, answer)
			ends <- end{string(answer), err}
		}()
	}
	for range 7 { // three have places; which, depends on when the server read from each
		is.True((<-ends).err != nil)
	}
	is.Equal(ask(), 200)
	for _, conn := range strangers {
		_, _ = io.WriteString(conn, "ost\r\n\r\n") // most are closed
	}
	for range 3 {
		is.Equal(<-ends, end{"HTTP/1.1 200", nil})
	}
	s.stop()
}

// TestProvenConnectionsGiveWayWhenTheyWait, the longest waiting first, and never in a request.
func TestProvenConnectionsGiveWayWhenTheyWait(t *testing.T) {
	is := is.New(t)
	s := start(t, servertest.Listen(t, "tcp", "127.0.0.1:0"), serve.Config{MaxConnections: 2})
	inside, release := make(chan struct{}), make(chan struct{})
	slow := func(context.Context) { close(inside); <-release }
	ask := func(conn net.Conn, path string) {
		_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nX-Service: admin\r\n\r\n", path)
	}
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		is.NoErr(err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	status := func(conn net.Conn) string {
		answer := make([]byte, 4096)
		n, _ := conn.Read(answer)
		return string(answer[:min(n, 12)])
	}
	waiting := dial()
	ask(waiting, "/whoami")
	is.Equal(status(waiting), "HTTP/1.1 200")
	s.app.work.Store(&slow)
	working := dial()
	ask(working, "/work")
	<-inside
	for { // one that has its answer waits a moment later; until then there is no place
		time.Sleep(time.Millisecond)
		next := dial()
		ask(next, "/whoami")
		if got := status(next); got != "" {
			is.Equal(got, "HTTP/1.1 200")
			break
		}
	}
	is.Equal(status(waiting), "")
	close(release)
	is.Equal(status(working), "HTTP/1.1 200")
	s.stop()
}

// TestAConnectionThatIsClosedTakesNoPlace: the one that is still there keeps its own,
// however many came and went.
func TestAConnectionThatIsClosedTakesNoPlace(t *testing.T) {
	is := is.New(t)
	s := start(t, servertest.Listen(t, "tcp", "127.0.0.1:0"), serve.Config{MaxConnections: 2})
	ask := func(conn net.Conn, header string) {
		_, err := fmt.Fprintf(conn, "GET /whoami HTTP/1.1\r\nHost: localhost\r\nX-Service: admin\r\n%s\r\n", header)
		is.NoErr(err)
	}
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		is.NoErr(err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	stays := dial()
	status := func() string {
		answer := make([]byte, 4096)
		n, _ := stays.Read(answer)
		return string(answer[:min(n, 12)])
	}
	ask(stays, "")
	is.Equal(status(), "HTTP/1.1 200")
	for range 4 {
		conn := dial()
		ask(conn, "Connection: close\r\n")
		text, err := io.ReadAll(conn) // its end comes once its place is free
		is.NoErr(err)
		is.True(strings.HasPrefix(string(text), "HTTP/1.1 200"))
	}
	ask(stays, "")
	is.Equal(status(), "HTTP/1.1 200")
	s.stop()
}
