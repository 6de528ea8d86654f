package serve_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/internal/authority"
	"github.com/myswiftagent/myvault/internal/servertest"
)

// TestAHandshakeIsNotTricklingAway: over TLS a request takes several reads. A client in the
// middle of them is not replaced by others that send nothing.
func TestAHandshakeIsNotTricklingAway(t *testing.T) {
	is := is.New(t)
	certificate, key := authority.New(t, "a").Server(t).Write(t, t.TempDir(), "server")
	certificates, err := serve.LoadCertificates(serve.CertificateFiles{Certificate: certificate, Key: key})
	is.NoErr(err)
	s := start(t, servertest.Listen(t, "tcp", "127.0.0.1:0"), serve.Config{Certificates: certificates, MaxConnections: 3})
	at := strings.TrimPrefix(strings.TrimPrefix(s.url, "https://"), "http://")
	silent := func() net.Conn {
		conn, err := net.Dial("tcp", at)
		is.NoErr(err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	first := silent()
	silent()
	plain, err := net.Dial("tcp", at)
	is.NoErr(err)
	var more net.Conn
	var came, gone error
	between := &between{Conn: plain, pause: func() { // in a goroutine of the client
		more, came = net.Dial("tcp", at) // one more than there may be
		_, gone = first.Read(make([]byte, 1))
	}}
	client := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the certificate is not what is tested
		DialContext:     func(context.Context, string, string) (net.Conn, error) { return between, nil },
	}}
	defer client.CloseIdleConnections()
	r, err := http.NewRequest(http.MethodGet, "https://"+at+"/health", nil)
	is.NoErr(err)
	answer, err := client.Do(r)
	is.NoErr(err)
	_, err = io.Copy(io.Discard, answer.Body)
	is.NoErr(err)
	is.NoErr(answer.Body.Close())
	is.Equal(answer.StatusCode, http.StatusOK)
	is.True(between.writes > 1) // it was in the middle
	is.NoErr(came)
	is.True(gone != nil) // the oldest went
	is.NoErr(more.Close())
	client.CloseIdleConnections()
	s.stop()
}

// between pauses once before its second write, the last one of the handshake.
type between struct {
	net.Conn
	pause  func()
	writes int
}

func (b *between) Write(p []byte) (int, error) {
	if b.writes++; b.writes == 2 {
		b.pause()
	}
	return b.Conn.Write(p)
}
