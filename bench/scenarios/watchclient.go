package scenarios

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"sync"
	"time"

	"github.com/myswiftagent/myvault/bench/peers"
)

// watch opens n watches that have read their first bookmark.
func (b *watchBench) watch(n int, open *closers) ([]*watchClient, error) {
	all := make([]*watchClient, n)
	for i := range all {
		var err error
		if all[i], err = b.send("/api/watch", open); err != nil {
			return nil, err
		}
		if err := all[i].readEvent("bookmark"); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// send sends a GET over a new connection.
func (b *watchBench) send(path string, open *closers) (*watchClient, error) {
	conn, err := net.Dial("tcp", b.server.addr)
	if err != nil {
		return nil, err
	}
	*open = append(*open, conn)
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n", path, b.server.addr)
	for name, value := range identity() {
		request = fmt.Appendf(request, "%s: %s\r\n", name, value)
	}
	_, err = conn.Write(append(request, '\r', '\n'))
	return &watchClient{conn: conn}, err
}

// watchClient is the client's end of a connection. It keeps no buffer between two reads.
type watchClient struct{ conn net.Conn }

// readEvent reads to the end of an event of that kind.
func (w *watchClient) readEvent(kind string) error { return w.readUntil("event: "+kind+"\n", "\n\n") }

// readUntil reads until it has read these texts, one after the other.
func (w *watchClient) readUntil(texts ...string) error {
	var read []byte
	for buffer := make([]byte, 1024); len(texts) > 0; {
		n, err := w.conn.Read(buffer)
		read = append(read, buffer[:n]...)
		for len(texts) > 0 {
			at := bytes.Index(read, []byte(texts[0]))
			if at < 0 {
				break
			}
			read, texts = read[at+len(texts[0]):], texts[1:]
		}
		if err != nil && len(texts) > 0 {
			return fmt.Errorf("the stream ended: %w: %.200s", err, read)
		}
	}
	return nil
}

// echo is a child process that makes changes.
type echo struct {
	mu  sync.Mutex
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// startEcho starts a child process that makes a change of the store in dir for each line.
func (r *run) startEcho(dir string) (*echo, error) {
	args := append(r.Program[1:len(r.Program):len(r.Program)], jobEcho, peers.Local().Name, dir, fmt.Sprint(r.mainSize()), "0s")
	e := &echo{cmd: exec.Command(r.Program[0], args...)}
	var err error
	if e.in, err = e.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := e.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	e.out = bufio.NewReader(out)
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := e.out.ReadString('\n'); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// change makes a change, and returns when it was committed.
func (e *echo) change() (time.Time, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, err := fmt.Fprintln(e.in); err != nil {
		return time.Time{}, err
	}
	var at int64
	if _, err := fmt.Fscan(e.out, &at); err != nil {
		return time.Time{}, err
	}
	return time.Unix(0, at), nil
}

func (e *echo) Close() error { return errors.Join(e.in.Close(), e.cmd.Wait()) }
