package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/tokens"
)

// unread is a client that reads nothing of its answer until it is released.
type unread struct {
	*httptest.ResponseRecorder
	held    *atomic.Int64 // answers in memory
	release <-chan struct{}
}

func (u unread) Write(b []byte) (int, error) {
	u.held.Add(1)
	defer u.held.Add(-1)
	<-u.release
	return u.ResponseRecorder.Write(b)
}

// plenty is a vault whose listings have more than a page of long names, in a bubble.
func plenty(t *testing.T) (*httpapi.Handler, map[string]string) {
	t.Helper()
	is := is.New(t)
	policy, err := myvault.ParsePolicy(settings)
	is.NoErr(err)
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	is.NoErr(err)
	t.Cleanup(func() { is.NoErr(vault.Close()) })
	issuer, err := tokens.New(vault, tokens.Config{})
	is.NoErr(err)
	s := vault.As("admin")
	long := strings.Repeat("/"+strings.Repeat("x", 100), 7)
	one := myvault.Address{Project: "newsbot", Path: "prod/db"}
	var rules []myvault.Rule
	for n := range 64 {
		rule, err := myvault.ParseRule(fmt.Sprintf("newsbot/%d/%s/", n, long[1:100]))
		is.NoErr(err)
		rules = append(rules, rule)
	}
	for n := range 1100 {
		_, err := s.PutProject(t.Context(), myvault.Project{Name: fmt.Sprintf("p%d", n), Description: strings.Repeat("d", 1024)})
		is.NoErr(err)
		_, err = s.Put(t.Context(), myvault.Address{Project: "newsbot", Path: fmt.Sprintf("s%d%s", n, long)}, myvault.Text("v"))
		is.NoErr(err)
		_, err = s.Put(t.Context(), one, myvault.Text("v"))
		is.NoErr(err)
		if n < 30 {
			_, err = issuer.Mint(t.Context(), s, tokens.Grant{Rules: rules})
			is.NoErr(err)
		}
	}
	_, err = s.Put(t.Context(), one, myvault.Text(strings.Repeat("v", myvault.MaxValue)))
	is.NoErr(err)
	handler, err := httpapi.New(vault, httpapi.Config{Tokens: issuer})
	is.NoErr(err)
	targets := map[string]string{"a large value": db, "an older version": db + "?version=1101"}
	for _, route := range httpapi.Routes() {
		if slices.Contains(route.Query, "limit") {
			targets[route.Pattern] = sample(route.Pattern)
		}
	}
	is.Equal(len(targets), 10) // the listings that there are, and two reads
	return handler, targets
}

// TestUnreadAnswersAreFew: of answers that are not read, a service has a quarter of the
// places in memory. Its other requests wait without one, and are refused; other services
// are answered.
func TestUnreadAnswersAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, targets := plenty(t)
		for name, target := range targets {
			t.Log(name) // a bubble has no subtests
			unreadAnswers(t, handler, target)
		}
	})
}

func unreadAnswers(t *testing.T, handler *httpapi.Handler, target string) {
	is := is.New(t)
	var held atomic.Int64
	release, statuses := make(chan struct{}), make(chan int, 40)
	for range 40 {
		go func() {
			w := unread{httptest.NewRecorder(), &held, release}
			r := newRequest("GET", target)
			r.Header = http.Header{"X-Service": {"admin"}, "X-Token": {adminToken}}
			handler.ServeHTTP(w, r)
			statuses <- w.Code
		}()
	}
	synctest.Wait()
	is.Equal(held.Load(), int64(4)) // unread answers of one service
	time.Sleep(11 * time.Second)    // by the clock of the bubble
	is.Equal(held.Load(), int64(4+36))
	close(release)
	count := map[int]int{}
	for range 40 {
		count[<-statuses]++
	}
	is.Equal(count, map[int]int{200: 4, 503: 36})
	w := record(handler, func() *http.Request {
		r := newRequest("GET", target)
		r.Header = http.Header{"X-Service": {"admin"}, "X-Token": {adminToken}}
		return r
	}())
	is.Equal(w.Code, 200)                // the places are free again
	is.True(w.Body.Len() < 8<<20+64<<10) // a page is bounded
}

// TestSmallAnswersHoldNoPlace: a client that does not read a short page keeps no other out.
func TestSmallAnswersHoldNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		handler, _ := plenty(t)
		var held atomic.Int64
		release, done := make(chan struct{}), make(chan int, 40)
		for range 40 {
			go func() {
				w := unread{httptest.NewRecorder(), &held, release}
				r := newRequest("GET", "/api/projects?limit=10")
				r.URL.RawQuery, r.URL.Path = "limit=10", "/api/projects"
				r.Header = http.Header{"X-Service": {"admin"}, "X-Token": {adminToken}}
				handler.ServeHTTP(w, r)
				done <- w.Code
			}()
		}
		synctest.Wait()
		is.Equal(held.Load(), int64(40))
		close(release)
		for range 40 {
			is.Equal(<-done, 200)
		}
	})
}

// TestWorkEndsWithTheWriteTimeout checks that a request ends before the server's write timeout, in
// time to answer.
func TestWorkEndsWithTheWriteTimeout(t *testing.T) {
	testLarge(t, func(is *is.I, l largeBodies) {
		stuck := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		l.store.get.Store(&stuck)
		r := newRequest("GET", db)
		r = r.WithContext(context.WithValue(l.t.Context(), http.ServerContextKey, &http.Server{WriteTimeout: time.Minute}))
		r.Header = http.Header{"X-Service": {"admin"}, "X-Token": {adminToken}}
		before := time.Now()
		w := record(l.handler, r)
		is.Equal(w.Code, 503)
		is.True(strings.Contains(w.Body.String(), `"code":"timeout"`))
		is.Equal(time.Since(before), 54*time.Second) // by the clock of the bubble
	})
}
