package scenarios

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
)

// client is one HTTP connection. It does as little work as possible, because it shares the cores
// with the server.
type client struct {
	conn    net.Conn
	answer  *bufio.Reader
	request []byte
}

// dial opens a connection for GETs of one path.
func dial(addr, path string, headers map[string]string) (*client, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n", path, addr)
	for name, value := range headers {
		request = fmt.Appendf(request, "%s: %s\r\n", name, value)
	}
	return &client{conn: conn, answer: bufio.NewReader(conn), request: append(request, '\r', '\n')}, nil
}

var (
	statusOK      = []byte("HTTP/1.1 200 ")
	contentLength = []byte("Content-Length: ")
)

// get sends the GET of dial and writes the body of the response to w.
func (c *client) get(w io.Writer) error { return c.exchange(c.request, w) }

// exchange sends request and writes the body of the response to w. The response must have the
// status 200 and a Content-Length.
func (c *client) exchange(request []byte, w io.Writer) error {
	if _, err := c.conn.Write(request); err != nil {
		return err
	}
	status, err := c.answer.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, statusOK) {
		return fmt.Errorf("unexpected status %q", bytes.TrimSpace(status))
	}
	length := -1
	for {
		line, err := c.answer.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if value, found := bytes.CutPrefix(line, contentLength); found {
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("the response has no Content-Length")
	}
	_, err = io.CopyN(w, c.answer, int64(length))
	return err
}

func (c *client) Close() error { return c.conn.Close() }
