package hashivault_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/matryer/is"
	"golang.org/x/sys/unix"

	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
)

// TestAnAnswerThatNobodyAskedFor: it is not used as the answer to the next read, which would
// return another secret's value. This holds if it arrives with the answer before it, and if it
// arrives while the connection is idle.
func TestAnAnswerThatNobodyAskedFor(t *testing.T) {
	withAndWithoutTLS(t, func(t *testing.T, secure bool) {
		for _, along := range []bool{true, false} {
			t.Run(fmt.Sprintf("along %v", along), func(t *testing.T) {
				is := is.New(t)
				fake := fakevault.New(t)
				idle, arrived := make(chan struct{}), make(chan error, 1)
				var faulty atomic.Bool
				f := newFront(t, secure, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if faulty.CompareAndSwap(true, false) {
						arrived <- answerTwice(t, w, r, fake, along, idle)
						return
					}
					fake.ServeHTTP(w, r)
				}))
				s := opened(t, f.config(fake))
				do(t, s, put("newsbot/a", "of a"), put("newsbot/b", "of b"))
				for range 5 {
					faulty.Store(true)
					secret, err := s.Get(t.Context(), at("newsbot/a"), 0)
					is.NoErr(err)
					is.Equal(secret.Value.Reveal(), "of a")
					if !along {
						idle <- struct{}{}
					}
					is.NoErr(<-arrived)
					secret, err = s.Get(t.Context(), at("newsbot/b"), 0)
					is.NoErr(err)
					is.Equal(secret.Value.Reveal(), "of b")
				}
			})
		}
	})
}

// TestAChangeAfterTheServerClosedTheConnection: it goes over another connection. No server got
// it before, so its outcome is known.
func TestAChangeAfterTheServerClosedTheConnection(t *testing.T) {
	withAndWithoutTLS(t, func(t *testing.T, secure bool) {
		is := is.New(t)
		fake := fakevault.New(t)
		idle, closed := make(chan struct{}), make(chan error, 1)
		var last atomic.Bool
		f := newFront(t, secure, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost && last.CompareAndSwap(true, false) {
				closed <- answerAndClose(w, r, fake, idle)
				return
			}
			fake.ServeHTTP(w, r)
		}))
		s := opened(t, f.config(fake))
		do(t, s, put("newsbot/a", "1"))
		for range 50 {
			last.Store(true)
			do(t, s, put("newsbot/a", "2"))
			idle <- struct{}{}
			is.NoErr(<-closed)
			fake.Requests()
			do(t, s, put("newsbot/a", "3"))
			is.Equal(strings.Count(strings.Join(fake.Requests(), ","), "POST"), 1)
		}
	})
}

// answerAndClose answers a request, and closes the connection while it is idle.
func answerAndClose(w http.ResponseWriter, r *http.Request, fake *fakevault.Vault, idle <-chan struct{}) error {
	answer := whole(r, fake)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write(answer); err != nil {
		return err
	}
	<-idle
	return ended(conn)
}

// answerTwice answers a request twice, at once or again while the connection is idle, and waits
// until both answers have arrived.
func answerTwice(t *testing.T, w http.ResponseWriter, r *http.Request, fake *fakevault.Vault, along bool, idle <-chan struct{}) error {
	answer := whole(r, fake)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = conn.Close() }) // not earlier: that would be noticed too
	if along {
		_, err = conn.Write(append(answer, answer...))
	} else if _, err = conn.Write(answer); err == nil {
		<-idle
		_, err = conn.Write(answer)
	}
	if err != nil {
		return err
	}
	return delivered(conn)
}

// whole returns all bytes of the answer to a request that succeeds.
func whole(r *http.Request, fake *fakevault.Vault) []byte {
	said := httptest.NewRecorder()
	fake.ServeHTTP(said, r)
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", said.Body.Len(), said.Body.Bytes())
}

// delivered waits until the other side's system has everything that was written, or has reset
// the connection.
func delivered(conn net.Conn) error {
	return await(conn, func(fd int) (bool, error) {
		left, err := unix.IoctlGetInt(fd, unix.TIOCOUTQ)
		info, err2 := unix.GetsockoptTCPInfo(fd, unix.SOL_TCP, unix.TCP_INFO)
		err = errors.Join(err, err2)
		return err == nil && (left == 0 || info.State == unix.BPF_TCP_CLOSE), err
	})
}

// ended closes the connection for writing, and waits until the other side's system knows.
func ended(conn net.Conn) error {
	if err := plain(conn).(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	return await(conn, func(fd int) (bool, error) {
		info, err := unix.GetsockoptTCPInfo(fd, unix.SOL_TCP, unix.TCP_INFO)
		return err == nil && info.State != unix.BPF_TCP_FIN_WAIT1, err
	})
}

// plain returns the connection below TLS.
func plain(conn net.Conn) net.Conn {
	if secure, ok := conn.(*tls.Conn); ok {
		return secure.NetConn()
	}
	return conn
}

// await waits until a condition on the socket is met.
func await(conn net.Conn, holds func(fd int) (bool, error)) error {
	raw, err := plain(conn).(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	for done := false; !done && err == nil; runtime.Gosched() {
		var failed error
		err = raw.Control(func(fd uintptr) { done, failed = holds(int(fd)) })
		err = errors.Join(err, failed)
	}
	return err
}
