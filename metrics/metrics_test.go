package metrics_test

import (
	"bytes"
	"context"
	"io"
	"iter"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/matryer/is"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/metrics"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// lines yields the lines of an exposition that begin with prefix.
func lines(text, prefix string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, prefix) && !yield(strings.TrimSpace(line)) {
				return
			}
		}
	}
}

// rig is a vault over HTTP with its metrics.
type rig struct {
	t        *testing.T
	vault    *myvault.Vault
	api      http.Handler
	registry *prometheus.Registry
}

const (
	service = "canary-service"
	token   = "canary-token-0123456789"
)

func newRig(t *testing.T, provider myvault.Provider) *rig {
	t.Helper()
	is := is.New(t)
	policy, err := myvault.ParsePolicy(map[string]string{
		"ALLOWED_SERVICES": service, "TOKEN_" + service: token, "ALLOW_" + service: "canary-project/",
	})
	is.NoErr(err)
	vault, err := myvault.New(provider, policy, myvault.Config{})
	is.NoErr(err)
	t.Cleanup(func() { _ = vault.Close() })
	registry := prometheus.NewPedanticRegistry()
	is.NoErr(metrics.Register(registry, vault))
	requests, err := metrics.NewRequests(registry)
	is.NoErr(err)
	api, err := httpapi.New(vault, httpapi.Config{Observe: requests.Observe})
	is.NoErr(err)
	return &rig{t: t, vault: vault, api: api, registry: registry}
}

func (r *rig) ask(method, target, token, body string) int {
	q := httptest.NewRequest(method, "http://localhost"+target, bytes.NewReader([]byte(body)))
	q.Header.Set("X-Service", service)
	q.Header.Set("X-Token", token)
	q.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	r.api.ServeHTTP(w, q)
	return w.Code
}

func (r *rig) exposition() string {
	w := httptest.NewRecorder()
	promhttp.HandlerFor(r.registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		r.t.Fatal(w.Code, w.Body)
	}
	return w.Body.String()
}

// value returns the value of a series.
func (r *rig) value(series string) float64 {
	r.t.Helper()
	for line := range lines(r.exposition(), series+" ") {
		n, err := strconv.ParseFloat(strings.TrimPrefix(line, series+" "), 64)
		if err != nil {
			r.t.Fatal(err)
		}
		return n
	}
	r.t.Fatalf("%s is not exposed", series)
	return 0
}

func openStore(t *testing.T) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.StaticKey(crypto.NewKey()), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// Each event increments its own metric.
func TestMetricsCountEvents(t *testing.T) {
	is := is.New(t)
	r := newRig(t, openStore(t))
	is.Equal(r.ask("POST", "/api/secrets", token, `{"project":"canary-project","path":"canary-path","value":"canary-value"}`), 201)
	const read = "/api/secrets/canary-project/canary-path"
	for range 3 {
		is.Equal(r.ask("GET", read, token, ""), 200)
	}
	is.Equal(r.ask("GET", "/api/secrets/other/x", token, ""), 403)
	is.Equal(r.ask("GET", read, "wrong", ""), 401)
	is.Equal(r.ask("GET", "/canary", token, ""), 404)
	is.Equal(r.ask("CANARY", "/health", token, ""), 405)
	const route = `method="GET",route="/api/secrets/{project}/{path...}"`
	for series, want := range map[string]float64{
		`myvault_http_requests_total{` + route + `,status="2xx"}`:                      3,
		`myvault_http_requests_total{` + route + `,status="4xx"}`:                      2,
		`myvault_http_requests_total{method="GET",route="none",status="4xx"}`:          1,
		`myvault_http_requests_total{method="other",route="none",status="4xx"}`:        1,
		`myvault_http_requests_total{method="POST",route="/api/secrets",status="2xx"}`: 1,
		`myvault_http_request_seconds_count{` + route + `}`:                            5,
		`myvault_denied_total`:           1,
		`myvault_unauthenticated_total`:  1,
		`myvault_trail_failures_total`:   0,
		`myvault_cache_hits_total`:       2,
		`myvault_cache_misses_total`:     1,
		`myvault_changes_commits_total`:  1,
		`myvault_changes_requests_total`: 1,
		`myvault_epoch`:                  1,
		`myvault_epoch_seals`:            1,
	} {
		if got := r.value(series); got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	for _, series := range []string{"cache_bytes", "changes_file_bytes", "changes_log_bytes", "access_file_bytes", "access_commits_total", "access_entries"} {
		is.True(r.value("myvault_"+series) > 0)
	}
	waiting := 0.0
	for range 1000 { // an entry waits for a second, which may be too short on a slow machine
		is.Equal(r.ask("GET", "/api/secrets/other/x", token, ""), 403)
		if waiting = r.value("myvault_trail_waiting_entries"); waiting > 0 {
			break
		}
	}
	is.True(waiting > 0)
}

// deadlineProbe is a provider that reports whether the context of Metrics has a deadline.
type deadlineProbe struct{ *memory.Provider }

func (deadlineProbe) Metrics(ctx context.Context) []myvault.Metric {
	_, limited := ctx.Deadline()
	return []myvault.Metric{{Name: "limited", Help: "Whether there is a deadline.", Value: map[bool]float64{true: 1}[limited]}}
}

// A scrape has a deadline, and reports the type of each metric.
func TestScrape(t *testing.T) {
	is := is.New(t)
	r := newRig(t, deadlineProbe{memory.New(memory.Config{})})
	is.Equal(r.value("myvault_limited"), 1.0)
	text := r.exposition()
	is.True(strings.Contains(text, "# TYPE myvault_denied_total counter"))
	is.True(strings.Contains(text, "# TYPE myvault_trail_waiting_entries gauge"))
}

// No name, value or token occurs in a label or anywhere else.
func TestNoNameIsExposed(t *testing.T) {
	is := is.New(t)
	r := newRig(t, openStore(t))
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CANARY"} {
		for _, target := range []string{
			"/", "/canary", "/api/canary", "/api/secrets", "/api/secrets/canary-project", "/api/secrets/canary-project/canary-path",
			"/api/secrets/canary-project//canary", "/api/versions/canary-project/canary-path", "/api/projects/canary-project",
			"/api/audit?service=canary", "/api/changes", "/api/secrets/%63anary/x?canary=canary",
		} {
			for _, token := range []string{token, "canary-wrong"} {
				r.ask(method, target, token, `{"project":"canary-project","path":"canary-path","value":"canary-value"}`)
			}
		}
	}
	text := r.exposition()
	is.True(!strings.Contains(strings.ToLower(text), "canary"))
	is.True(!strings.Contains(text, "%63"))
	known := map[string]bool{"none": true}
	for _, route := range httpapi.Routes() {
		known[route.Pattern] = true
	}
	seen := 0
	for _, label := range regexp.MustCompile(`(\w+)="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		switch name, value := label[1], label[2]; name {
		case "route":
			is.True(known[value]) // a pattern, not a path
		case "method":
			is.True(strings.Contains("GET HEAD POST PUT PATCH DELETE OPTIONS other", value))
		case "status":
			is.True(regexp.MustCompile(`^[1-5]xx$`).MatchString(value))
		case "le":
		default:
			t.Errorf("unexpected label %s", name)
		}
		seen++
	}
	is.True(seen > 100)
}

// A second vault on one registry is refused, unless the program adds a label.
func TestTwoVaults(t *testing.T) {
	is := is.New(t)
	r := newRig(t, memory.New(memory.Config{}))
	is.True(metrics.Register(r.registry, r.vault) != nil)
	_, err := metrics.NewRequests(r.registry)
	is.True(err != nil)
	is.NoErr(metrics.Register(prometheus.WrapRegistererWith(prometheus.Labels{"vault": "second"}, prometheus.NewRegistry()), r.vault))
	is.True(metrics.Register(nil, r.vault) != nil)
	is.True(metrics.Register(r.registry, nil) != nil)
	_, err = metrics.NewRequests(nil)
	is.True(err != nil)
}

// If one metric of NewRequests cannot be registered, none is.
func TestNewRequestsRegistersAllOrNone(t *testing.T) {
	is := is.New(t)
	registry := prometheus.NewRegistry()
	other := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "myvault_http_request_seconds", Help: "Duration of requests by route pattern and method.",
	}, []string{"route", "method"})
	is.NoErr(registry.Register(other))
	_, err := metrics.NewRequests(registry)
	is.True(err != nil)
	is.True(registry.Unregister(other))
	_, err = metrics.NewRequests(registry)
	is.NoErr(err)
}

// A closed store and a closed trail report the same metrics as before, some with NaN.
func TestMetricNamesAfterClose(t *testing.T) {
	names := func(all []myvault.Metric) (names []string, unknown int) {
		for _, m := range all {
			names = append(names, m.Name)
			if math.IsNaN(m.Value) {
				unknown++
			}
		}
		return names, unknown
	}
	store := openStore(t)
	trail, err := sqlite.OpenTrail(t.Context(), t.TempDir(), sqlite.StaticKey(crypto.NewKey()), sqlite.TrailConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		provider interface {
			myvault.Instrumented
			io.Closer
		}
		unknown int
	}{"store": {store, 3}, "trail": {trail, 1}} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			before, unknown := names(c.provider.Metrics(t.Context()))
			is.Equal(unknown, 0)
			is.NoErr(c.provider.Close())
			after, unknown := names(c.provider.Metrics(t.Context()))
			is.Equal(after, before)
			is.Equal(unknown, c.unknown)
		})
	}
}

// BenchmarkObserve measures the cost of metrics for each request.
func BenchmarkObserve(b *testing.B) {
	requests, err := metrics.NewRequests(prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	o := httpapi.Observation{Route: "/api/secrets/{project}/{path...}", Method: "GET", Status: 200, Took: 20_000}
	b.ReportAllocs()
	for b.Loop() {
		requests.Observe(o)
	}
}
