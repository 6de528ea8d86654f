package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/providers/memory"
)

// largeBodies sends requests with large bodies to a vault in memory, whose changes can be
// held up.
type largeBodies struct {
	t       *testing.T
	handler *httpapi.Handler
	store   *faulty
}

// testLarge runs in a bubble, so that waiting takes no time.
func testLarge(t *testing.T, test func(*is.I, largeBodies)) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		more := map[string]string{"ALLOWED_SERVICES": settings["ALLOWED_SERVICES"] + ",one,two,three"}
		for _, service := range []string{"one", "two", "three"} {
			more["TOKEN_"+service], more["ALLOW_"+service] = service+"-token-0123456789", "newsbot/prod/"
		}
		policy, err := myvault.ParsePolicy(with(more))
		is.NoErr(err)
		store := &faulty{Provider: memory.New(memory.Config{})}
		vault, err := myvault.New(store, policy, myvault.Config{Trail: store.Provider.(myvault.Trail)})
		is.NoErr(err)
		defer vault.Close()
		handler, err := httpapi.New(vault, httpapi.Config{})
		is.NoErr(err)
		test(is, largeBodies{t, handler, store})
	})
}

// send creates a secret.
func (l largeBodies) send(service string, body io.Reader) *httptest.ResponseRecorder {
	return l.sendWithin(l.t.Context(), service, body)
}

func (l largeBodies) sendWithin(ctx context.Context, service string, body io.Reader) *httptest.ResponseRecorder {
	r := newRequest("POST", "/api/secrets").WithContext(ctx)
	r.Header = http.Header{"X-Service": {service}, "X-Token": {service + "-token-0123456789"}, "Content-Type": {"application/json"}}
	r.Body, r.ContentLength = io.NopCloser(body), -1
	return record(l.handler, r)
}

func largeText(n int) string {
	return fmt.Sprintf(`{"project":"newsbot","path":"prod/p%d","value":"%s"}`, n, strings.Repeat("x", 99_000))
}

// stall begins to send a body, of which the server reads so many bytes, and no more come
// until the end.
func (l largeBodies) stall(is *is.I, service string, n, bytes int, done chan<- int) (end func()) {
	reading, writing := io.Pipe()
	go func() { done <- l.send(service, reading).Code }()
	_, err := io.WriteString(writing, largeText(n)[:bytes])
	is.NoErr(err)
	synctest.Wait() // until the server waits for more
	return func() {
		_, _ = io.WriteString(writing, largeText(n)[bytes:]) // which may not be read
		is.NoErr(writing.Close())
	}
}

// TestLargeRequestsAreFewAtOnce: a quarter of the places is for one service, whose bodies
// take none before they are large; one more waits, and gives up, and others are served.
func TestLargeRequestsAreFewAtOnce(t *testing.T) {
	testLarge(t, func(is *is.I, l largeBodies) {
		done := make(chan int, 100)
		var ends []func()
		for n := range 20 {
			ends = append(ends, l.stall(is, "writer", n, 10, done))
		}
		for n := range 8 {
			ends = append(ends, l.stall(is, "writer", 20+n, 80_000, done))
		}
		before := time.Now()
		refused := l.send("writer", strings.NewReader(largeText(28)))
		is.Equal(refused.Code, 503)
		is.True(strings.Contains(refused.Body.String(), "busy with large requests"))
		is.Equal(refused.Header().Get("Retry-After"), "1")
		is.Equal(time.Since(before), 10*time.Second) // by the clock of the bubble
		before = time.Now()
		is.Equal(l.send("admin", strings.NewReader(largeText(29))).Code, 201)
		is.Equal(time.Since(before), time.Duration(0)) // it did not wait
		for _, end := range ends {
			go end()
		}
		for range ends {
			is.Equal(<-done, 201)
		}
		is.Equal(l.send("writer", strings.NewReader(largeText(28))).Code, 201)
	})
}

// TestWhoFindsNoRoomKeepsNone: the share of a service whose requests gave up while others
// had all places is whole afterwards.
func TestWhoFindsNoRoomKeepsNone(t *testing.T) {
	testLarge(t, func(is *is.I, l largeBodies) {
		done, gaveUp := make(chan int, 100), make(chan int, 100)
		var ends []func()
		for n := range 32 {
			ends = append(ends, l.stall(is, []string{"writer", "one", "two", "three"}[n%4], n, 80_000, done))
		}
		for n := range 8 {
			go func() { gaveUp <- l.send("admin", strings.NewReader(largeText(40+n))).Code }()
		}
		for range 8 {
			is.Equal(<-gaveUp, 503)
		}
		for _, end := range ends {
			go end()
		}
		for range ends {
			is.Equal(<-done, 201)
		}
		is.Equal(l.send("admin", strings.NewReader(largeText(50))).Code, 201)
	})
}

// TestWhoLeavesWaitsNoLonger: a request that waits for room ends with its client.
func TestWhoLeavesWaitsNoLonger(t *testing.T) {
	testLarge(t, func(is *is.I, l largeBodies) {
		done := make(chan int, 100)
		var ends []func()
		for n := range 8 {
			ends = append(ends, l.stall(is, "writer", n, 80_000, done))
		}
		ctx, leave := context.WithCancel(l.t.Context())
		before := time.Now()
		ended := make(chan int)
		go func() { ended <- l.sendWithin(ctx, "writer", strings.NewReader(largeText(8))).Code }()
		synctest.Wait()
		leave()
		is.Equal(<-ended, 503)
		is.Equal(time.Since(before), time.Duration(0)) // by the clock of the bubble
		for _, end := range ends {
			go end()
			is.Equal(<-done, 201)
		}
	})
}

// TestLargeRequestsOfOneServiceLeaveRoom: it has four of those that are answered.
func TestLargeRequestsOfOneServiceLeaveRoom(t *testing.T) {
	testLarge(t, func(is *is.I, l largeBodies) {
		release := make(chan struct{})
		slow := func(context.Context) error { <-release; return nil }
		l.store.apply.Store(&slow)
		done := make(chan int, 5)
		for n := range 5 {
			go func() { done <- l.send("writer", strings.NewReader(largeText(n))).Code }()
		}
		synctest.Wait()
		l.store.apply.Store(nil)
		before := time.Now()
		is.Equal(l.send("admin", strings.NewReader(largeText(5))).Code, 201)
		is.Equal(time.Since(before), time.Duration(0))
		is.Equal(<-done, 503) // the fifth
		close(release)
		for range 4 {
			is.Equal(<-done, 201)
		}
	})
}

// busyProblem is that of a large request for which there is no room.
func busyProblem(t *testing.T) (refused *httptest.ResponseRecorder) {
	t.Helper()
	testLarge(t, func(is *is.I, l largeBodies) {
		done := make(chan int, 8)
		var ends []func()
		for n := range 8 {
			ends = append(ends, l.stall(is, "writer", n, 80_000, done))
		}
		refused = l.send("writer", strings.NewReader(largeText(8)))
		for _, end := range ends {
			go end()
			is.Equal(<-done, 201)
		}
	})
	return refused
}
