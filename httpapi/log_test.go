package httpapi_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/guard"
	"github.com/myswiftagent/myvault/internal/servertest"
	"github.com/myswiftagent/myvault/providers/memory"
)

// logged is a handler whose log is read.
type logged struct {
	*httpapi.Handler
	logs *servertest.Log
}

func newLogged(t *testing.T) logged {
	t.Helper()
	policy, err := myvault.ParsePolicy(settings)
	if err != nil {
		t.Fatal(err)
	}
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = vault.Close() })
	logs := &servertest.Log{}
	handler, err := httpapi.New(vault, httpapi.Config{Logger: slog.New(slog.NewJSONHandler(logs, nil)), Guard: newGuard(t, guard.Config{FailuresPerMinute: 1000})})
	if err != nil {
		t.Fatal(err)
	}
	return logged{handler, logs}
}

// lines counts the lines that have all parts.
func (l logged) lines(parts ...string) (n int) {
	for line := range strings.Lines(l.logs.String()) {
		missing := false
		for _, part := range parts {
			missing = missing || !strings.Contains(line, part)
		}
		if !missing {
			n++
		}
	}
	return n
}

func (l logged) ask(service, token, method, target string, change ...func(*http.Request)) {
	r := newRequest(method, target)
	r.Header = http.Header{"X-Service": {service}, "X-Token": {token}}
	for _, c := range change {
		c(r)
	}
	record(l, r)
}

// TestAFloodOfWrongTokensIsTwoLinesASecond, while a known caller has a line for each request.
func TestAFloodOfWrongTokensIsTwoLinesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		l := newLogged(t)
		for n := range 1500 { // of which 1,000 are free
			l.ask("reader", fmt.Sprint("wrong ", n), "GET", "/api/whoami")
		}
		l.ask("admin", adminToken, "GET", "/api/whoami")
		l.ask("admin", adminToken, "GET", "/api/whoami")
		is.Equal(l.lines(`"status":200`), 2)
		is.Equal(l.lines(`"status":401`), 1)
		is.Equal(l.lines(`"status":429`), 1)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		is.Equal(l.lines(`"status":401`, `"more":999`, "/api/whoami"), 1)
		is.Equal(l.lines(`"status":429`, `"more":499`), 1)
		is.Equal(l.lines(), 6)
		l.ask("nobody", "wrong", "GET", "/api/whoami")
		time.Sleep(2 * time.Second)
		synctest.Wait()
		is.Equal(l.lines(), 7) // one alone is not counted again
	})
}

// TestNoStrangerFillsTheLog: ten seconds of 300 requests each, of every kind that fails or
// needs no identity.
func TestNoStrangerFillsTheLog(t *testing.T) {
	for name, ask := range map[string]func(l logged, n int){
		"unknown services": func(l logged, n int) { l.ask(fmt.Sprint("s", n), "wrong", "GET", "/api/whoami") },
		"wrong hosts": func(l logged, n int) {
			l.ask("", "", "GET", "/api/whoami", func(r *http.Request) { r.Host = fmt.Sprint("h", n, ".example") })
		},
		"wrong origins": func(l logged, n int) {
			l.ask("", "", "GET", "/api/whoami", func(r *http.Request) { r.Header.Set("Origin", fmt.Sprint("https://o", n, ".example")) })
		},
		"unknown paths":   func(l logged, n int) { l.ask("", "", "GET", fmt.Sprint("/nothing/", n)) },
		"unknown methods": func(l logged, n int) { l.ask("", "", fmt.Sprint("M", n), "/health") },
		"the document":    func(l logged, n int) { l.ask("", "", "GET", "/openapi.json") },
		"the welcome":     func(l logged, n int) { l.ask("", "", "GET", "/") },
		"preflights":      func(l logged, n int) { l.ask("", "", "OPTIONS", fmt.Sprint("/api/secrets/p/", n)) },
		"wrong bearers":   func(l logged, n int) { l.ask("", "", "GET", "/api/whoami", bearing(n)) },
		"denied calls":    func(l logged, n int) { l.ask("reader", readerToken, "GET", fmt.Sprint("/api/secrets/billing/a/", n)) },
		"missing secrets": func(l logged, n int) {
			l.ask("reader", readerToken, "GET", fmt.Sprint("/api/secrets/newsbot/prod/", n))
		},
		"malformed queries":     func(l logged, n int) { l.ask("reader", readerToken, "GET", fmt.Sprint("/api/secrets?q", n, "=1")) },
		"every route in turn":   func(l logged, n int) { everyRoute(l, n, "nobody", "wrong") },
		"every route, a denied": func(l logged, n int) { everyRoute(l, n, "writer", writerToken) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				is := is.New(t)
				l := newLogged(t)
				for range 10 {
					for n := range 300 {
						ask(l, n)
					}
					time.Sleep(time.Second)
				}
				time.Sleep(time.Second)
				synctest.Wait()
				failed := l.lines()
				if strings.HasSuffix(name, "a denied") {
					failed -= l.lines(`"status":20`) // a service has a line for each request that succeeds
				}
				is.True(failed > 0)
				is.True(failed <= 11*66)
			})
		})
	}
}

func bearing(n int) func(*http.Request) {
	return func(r *http.Request) { r.Header = http.Header{"Authorization": {fmt.Sprint("Bearer wrong", n)}} }
}

func everyRoute(l logged, n int, service, token string) {
	route := httpapi.Routes()[n%len(httpapi.Routes())]
	if !route.Public && !(service == "writer" && route.Pattern == "/api/whoami") {
		l.ask(service, token, route.Method, strings.NewReplacer("{project}", "billing", "{path...}", "a", "{id}", "x").Replace(route.Pattern))
	}
}

// TestProbesAreLoggedAtDebug, unless they fail.
func TestProbesAreLoggedAtDebug(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		l := newLogged(t)
		l.ask("", "", "GET", "/health")
		l.ask("", "", "GET", "/ready")
		l.Drain()
		l.ask("", "", "GET", "/ready")
		is.Equal(l.lines(), 0)
	})
}

// TestObserve is called for every request, with nothing that a caller can choose.
func TestObserve(t *testing.T) {
	is := is.New(t)
	var mu sync.Mutex
	var seen []httpapi.Observation
	f := serveOn(t, newStore(t), httpapi.Config{Observe: func(o httpapi.Observation) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, o)
	}})
	for _, c := range []struct {
		method, target string
		want           httpapi.Observation
	}{
		{"GET", "/health", httpapi.Observation{Route: "/health", Method: "GET", Status: 200}},
		{"GET", "/canary", httpapi.Observation{Method: "GET", Status: 404}},
		{"CANARY", "/health", httpapi.Observation{Method: "other", Status: 405}},
		{"GET", "/api/secrets/canary/canary", httpapi.Observation{Route: "/api/secrets/{project}/{path...}", Method: "GET", Status: 401}},
	} {
		seen = nil
		w := record(f.handler, newRequest(c.method, c.target))
		is.Equal(len(seen), 1)
		c.want.Took, c.want.Size = seen[0].Took, w.Body.Len()
		is.True(seen[0].Took > 0)
		is.Equal(seen[0], c.want)
	}
}
