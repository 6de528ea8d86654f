package serve_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/internal/servertest"
)

// staged is a listener that can set the addresses of its connections, and block writes to them.
type staged struct {
	net.Listener
	from  []string // where the first ones come from, and the last all others; none: from where they do
	stuck atomic.Pointer[chan struct{}]
}

type stagedConn struct {
	net.Conn
	remote net.Addr
	stuck  chan struct{} // receives each write, which then blocks; nil: writes succeed
	closed chan struct{}
	once   atomic.Bool
}

func (s *staged) Accept() (net.Conn, error) {
	conn, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &stagedConn{Conn: conn, remote: conn.RemoteAddr(), closed: make(chan struct{})}
	if len(s.from) > 0 {
		c.remote = &net.TCPAddr{IP: net.ParseIP(s.from[0]), Port: 1}
		s.from = s.from[min(1, len(s.from)-1):]
	}
	if stuck := s.stuck.Load(); stuck != nil {
		c.stuck = *stuck
	}
	return c, nil
}

func (c *stagedConn) RemoteAddr() net.Addr { return c.remote }

func (c *stagedConn) Write(p []byte) (int, error) {
	if c.stuck != nil {
		c.stuck <- struct{}{}
		<-c.closed
	}
	return c.Conn.Write(p)
}

func (c *stagedConn) Close() error {
	if !c.once.Swap(true) {
		close(c.closed)
	}
	return c.Conn.Close()
}

// connect dials, and says something.
func (s *running) connect(text string) net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err == nil {
		_, err = io.WriteString(conn, text)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// first returns the first n bytes from conn, or fewer at its end.
func first(conn net.Conn, n int) string {
	text := make([]byte, n)
	n, _ = io.ReadFull(conn, text)
	return string(text[:n])
}

// waitingBody begins a request of writer whose body does not come. The server asks for it
// when it reads.
const waitingBody = "POST / HTTP/1.1\r\nHost: localhost\r\nX-Service: writer\r\nContent-Length: 1000\r\nExpect: 100-continue\r\n\r\n"

const asked = "HTTP/1.1 100"

// TestOneServiceCannotTakeAllPlaces: its requests whose bodies do not come push out each
// other, the longest first, and neither keep others out nor push them out.
func TestOneServiceCannotTakeAllPlaces(t *testing.T) {
	is := is.New(t)
	s := start(t, servertest.Listen(t, "tcp", "127.0.0.1:0"), serve.Config{MaxConnections: 8})
	admin := "GET /whoami HTTP/1.1\r\nHost: localhost\r\nX-Service: admin\r\n\r\n"
	idle := s.connect(admin)
	is.Equal(status(idle), 200)
	for range 20 {
		is.Equal(first(s.connect(waitingBody), len(asked)), asked)
	}
	is.Equal(first(s.connect("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"), 12), "HTTP/1.1 200")
	is.Equal(first(s.connect(admin), 12), "HTTP/1.1 200")
	_, err := io.WriteString(idle, admin)
	is.NoErr(err)
	is.Equal(status(idle), 200)
}

// status reads an answer to its end; 0 where none comes.
func status(conn net.Conn) int {
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// TestAnswersThatNobodyReadsGiveWay, as bodies that do not come.
func TestAnswersThatNobodyReadsGiveWay(t *testing.T) {
	is := is.New(t)
	l := &staged{Listener: servertest.Listen(t, "tcp", "127.0.0.1:0")}
	stuck := make(chan struct{})
	l.stuck.Store(&stuck)
	s := start(t, l, serve.Config{MaxConnections: 4})
	for range 4 {
		s.connect("GET /whoami HTTP/1.1\r\nHost: localhost\r\nX-Service: writer\r\n\r\n")
		<-stuck
	}
	l.stuck.Store(nil)
	is.Equal(first(s.connect("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"), 12), "HTTP/1.1 200")
}

// TestAFloodOfOneAddressPushesOutItself: a slow stranger that came first from another
// address stays.
func TestAFloodOfOneAddressPushesOutItself(t *testing.T) {
	for name, says := range map[string]string{"that trickles": "GET /he", "that is silent": ""} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			l := &staged{Listener: servertest.Listen(t, "tcp", "127.0.0.1:0"), from: []string{"192.0.2.1", "192.0.2.2"}}
			s := start(t, l, serve.Config{MaxConnections: 4})
			slow := s.connect("GET /health HTTP/1.1\r\nHost: localh")
			ended := make(chan string, 20)
			for range 20 {
				conn := s.connect(says)
				go func() { ended <- first(conn, 1) }()
			}
			for range 17 { // three have places
				is.Equal(<-ended, "")
			}
			_, err := io.WriteString(slow, "ost\r\n\r\n")
			is.NoErr(err)
			is.Equal(first(slow, 12), "HTTP/1.1 200")
		})
	}
}

// TestWhoWaitsAnewIsNotWhoWaited: a connection that is looked at while it waits, and has
// answered since, is not evicted.
func TestWhoWaitsAnewIsNotWhoWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		is.True(serve.SeesAnotherWait(func() { time.Sleep(time.Millisecond) }))
	})
}
