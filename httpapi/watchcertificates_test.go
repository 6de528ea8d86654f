package httpapi_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/guard"
	"github.com/myswiftagent/myvault/internal/authority"
	"github.com/myswiftagent/myvault/internal/servertest"
	"github.com/myswiftagent/myvault/providers/memory"
)

// stream opens a stream and reads its first bookmark.
func (s *secured) stream(t *testing.T, client *http.Client, headers ...string) *stream {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/api/watch", nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	opened := &stream{t: t, status: response.StatusCode, body: bufio.NewReader(response.Body)}
	opened.want("bookmark")
	return opened
}

// put writes a secret that reader may list.
func (s *secured) put(t *testing.T) {
	t.Helper()
	addr := myvault.Address{Project: "newsbot", Path: "prod/db"}
	if _, err := s.vault.As("admin").Put(t.Context(), addr, myvault.Text("v")); err != nil {
		t.Fatal(err)
	}
}

// TestWatchesEndWithTheirCertificates changes the client authorities while clients watch: those
// whose certificate is no longer verified get no further event.
func TestWatchesEndWithTheirCertificates(t *testing.T) {
	is := is.New(t)
	s := serveOn(t, store{Provider: memory.New(memory.Config{})}, httpapi.Config{Guard: newGuard(t, guard.Config{})}).startTLS(t)
	s.withCertificates(t, nil)
	reader := s.ca.HTTPClient(t, s.clients.Client(t, authority.Wanted{DNS: []string{"reader.internal"}}))
	certified := s.stream(t, reader)
	byToken := s.stream(t, s.ca.HTTPClient(t), "X-Service", "reader", "X-Token", readerToken)

	more := authority.New(t, "more").PEM
	authority.WriteFile(t, s.files.ClientCA, append(s.clients.PEM[:len(s.clients.PEM):len(s.clients.PEM)], more...))
	is.NoErr(s.loaded.Reload())
	for range 2 {
		s.put(t)
		certified.want("change") // still verified
		byToken.want("change")
	}

	_, answer := servertest.Get(t, reader, s.url+"/api/watch?wait=0")
	cursor := reply{body: answer}.object(t)["cursor"].(string)
	polled := make(chan int)
	go func() {
		status, _ := servertest.Get(t, reader, s.url+"/api/watch?wait=60&cursor="+cursor)
		polled <- status
	}()
	for httpapi.OpenWatches(s.handler) < 3 {
		time.Sleep(time.Millisecond)
	}
	authority.WriteFile(t, s.files.ClientCA, more)
	is.NoErr(s.loaded.Reload())
	s.put(t)
	is.True(strings.Contains(certified.want("problem").data, `"status":401`))
	_, goesOn := certified.next()
	is.True(!goesOn)
	is.Equal(<-polled, 401)
	byToken.want("change") // it has no certificate to lose
}
