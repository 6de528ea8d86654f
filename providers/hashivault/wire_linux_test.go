package hashivault_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/matryer/is"
	"golang.org/x/sys/unix"

	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
)

// TestAnAnswerThatNobodyAskedFor is not taken for the answer to the next read, which would give another secret's value:
// neither one that comes along with the answer before, nor one that comes while the connection rests.
func TestAnAnswerThatNobodyAskedFor(t *testing.T) {
	onBothWires(t, func(t *testing.T, secure bool) {
		for _, along := range []bool{true, false} {
			t.Run(fmt.Sprintf("along %v", along), func(t *testing.T) {
				is := is.New(t)
				fake := fakevault.New(t)
				rests, arrived := make(chan struct{}), make(chan error, 1)
				var faulty atomic.Bool
				f := newFront(t, secure, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if faulty.CompareAndSwap(true, false) {
						arrived <- answerTwice(t, w, r, fake, along, rests)
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
						rests <- struct{}{}
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

// answerTwice answers a request twice, at once or again while the connection rests, and waits until both answers have arrived.
func answerTwice(t *testing.T, w http.ResponseWriter, r *http.Request, fake *fakevault.Vault, along bool, rests <-chan struct{}) error {
	whole := &recorded{header: http.Header{}}
	fake.ServeHTTP(whole, r)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	t.Cleanup(func() { _ = conn.Close() }) // and not before: its end would be noticed, too
	answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", whole.body.Len(), whole.body.Bytes())
	if along {
		_, err = conn.Write(append(answer, answer...))
	} else if _, err = conn.Write(answer); err == nil {
		<-rests
		_, err = conn.Write(answer)
	}
	if err != nil {
		return err
	}
	return delivered(conn)
}

// recorded keeps what a handler answers.
type recorded struct {
	header http.Header
	body   bytes.Buffer
}

func (r *recorded) Header() http.Header         { return r.header }
func (r *recorded) Write(b []byte) (int, error) { return r.body.Write(b) }
func (r *recorded) WriteHeader(int)             {}

// delivered waits until the other side's system has all that was written.
func delivered(conn net.Conn) error {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	for left := 1; left > 0 && err == nil; runtime.Gosched() {
		var failed error
		err = raw.Control(func(fd uintptr) { left, failed = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) })
		if failed != nil {
			return failed
		}
	}
	return err
}
