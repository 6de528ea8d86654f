package httpapi_test

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/providers/memory"
)

// slowWriter is the writer of a response to a client that does not read until read is closed.
type slowWriter struct {
	*httptest.ResponseRecorder
	read chan struct{}
}

func (w slowWriter) Write(p []byte) (int, error) {
	<-w.read
	return w.ResponseRecorder.Write(p)
}

// polls sends long polls to a vault in memory.
type polls struct {
	t       *testing.T
	handler *httpapi.Handler
	vault   *myvault.Vault
}

// testPolls runs in a bubble, so that waiting takes no time.
func testPolls(t *testing.T, test func(*is.I, polls)) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		policy, err := myvault.ParsePolicy(settings)
		is.NoErr(err)
		vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
		is.NoErr(err)
		defer vault.Close()
		handler, err := httpapi.New(vault, httpapi.Config{})
		is.NoErr(err)
		test(is, polls{t, handler, vault})
	})
}

// poll sends a long poll, to a client that does not read until read is closed.
func (p polls) poll(cursor string, read chan struct{}) slowWriter {
	target := "/api/watch?wait=0"
	if cursor != "" {
		target += "&cursor=" + cursor
	}
	r := newRequest("GET", target)
	r.Header.Set("X-Service", "admin")
	r.Header.Set("X-Token", adminToken)
	w := slowWriter{httptest.NewRecorder(), read}
	p.handler.ServeHTTP(w, r)
	return w
}

// cursor returns the position of the present.
func (p polls) cursor() string {
	read := make(chan struct{})
	close(read)
	return reply{body: p.poll("", read).Body.String()}.object(p.t)["cursor"].(string)
}

// put makes n changes in one commit.
func (p polls) put(is *is.I, n int) {
	all := make([]myvault.Change, n)
	for i := range all {
		addr := myvault.Address{Project: "newsbot", Path: fmt.Sprintf("prod/some-longer-name/%d", i)}
		all[i] = myvault.Change{Op: myvault.OpPut, Address: addr, Value: myvault.Text("v")}
	}
	_, err := p.vault.As("admin").Apply(p.t.Context(), all...)
	is.NoErr(err)
}

// A long poll counts as a watch until its answer is written.
func TestPollCountsUntilItIsAnswered(t *testing.T) {
	testPolls(t, func(is *is.I, p polls) {
		read, answered := make(chan struct{}), make(chan int)
		go func() { answered <- p.poll("", read).Code }()
		synctest.Wait()
		is.Equal(httpapi.OpenWatches(p.handler), 1)
		close(read)
		is.Equal(<-answered, 200)
		is.Equal(httpapi.OpenWatches(p.handler), 0)
	})
}

// The long answers of polls count among the large ones, until they are written.
func TestLargePollsAreFewAtOnce(t *testing.T) {
	testPolls(t, func(is *is.I, p polls) {
		many := p.cursor()
		p.put(is, 1000)
		few := p.cursor()
		p.put(is, 10)
		const atOnce = 4 // of one service
		read, answered := make(chan struct{}), make(chan int)
		for range atOnce {
			go func() { answered <- p.poll(many, read).Code }()
		}
		synctest.Wait()
		before, now := time.Now(), make(chan struct{})
		close(now)
		refused := p.poll(many, now)
		is.Equal(refused.Code, 503)
		is.Equal(time.Since(before), 10*time.Second) // by the clock of the bubble
		is.Equal(p.poll(few, now).Code, 200)
		close(read)
		for range atOnce {
			is.Equal(<-answered, 200)
		}
		is.Equal(p.poll(many, now).Code, 200)
	})
}
