package transport

import (
	"net"
	"testing"

	"github.com/matryer/is"
)

// TestWrittenBelongsToTheExchange checks that an exchange still knows that it was written after
// net/http has handed its connection to the next one.
func TestWrittenBelongsToTheExchange(t *testing.T) {
	is := is.New(t)
	client, server := net.Pipe()
	defer client.Close()
	go func() { _, _ = server.Read(make([]byte, 1)) }()
	c := newConn(client)
	var first, second exchange
	c.begin(false, &first.wrote)
	_, err := c.Write([]byte("x"))
	is.NoErr(err)
	c.begin(true, &second.wrote)
	is.True(first.wrote.Load())
	is.True(!second.wrote.Load())
}
