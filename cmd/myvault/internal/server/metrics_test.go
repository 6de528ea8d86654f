package server_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/matryer/is"
)

// TestMetricsAreApart checks that metrics have a separate address and are off by default.
func TestMetricsAreApart(t *testing.T) {
	is := is.New(t)
	p := start(t, t.TempDir(), "MYVAULT_METRICS_ADDR=127.0.0.1:0")
	c := p.headers(t)
	const canary = "canary-0451"
	is.Equal(p.must(t, c, "POST", "/api/secrets", `{"project":"`+canary+`","path":"`+canary+`/x","value":"`+canary+`"}`).status, 201)
	is.Equal(p.must(t, caller{"local", canary}, "GET", "/api/secrets/"+canary+"/x", "").status, 401)
	is.Equal(p.must(t, c, "GET", "/metrics", "").status, 404) // not on the API's address
	_, url, found := strings.Cut(p.stdout.String(), "Metrics: ")
	is.True(found)
	url, _, _ = strings.Cut(url, "\n")
	response, err := http.Get(url)
	is.NoErr(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	is.NoErr(err)
	for _, series := range []string{
		`myvault_http_requests_total{method="POST",route="/api/secrets",status="2xx"} 1`, "myvault_unauthenticated_total 1",
		"myvault_changes_commits_total 1", "myvault_cache_hits_total 0", "go_goroutines",
	} {
		is.True(strings.Contains(string(text), series)) // the series
	}
	is.True(!strings.Contains(string(text), canary) && !strings.Contains(string(text), c.token))
	is.NoErr(p.stop(t, syscall.SIGTERM))
	_, err = http.Get(url)
	is.True(err != nil) // the metrics end with the server

	p = start(t, t.TempDir())
	is.True(!strings.Contains(p.greeting(t), "Metrics: "))
}

// TestMetricsCheckTheHost checks that a page that points its own domain at the metrics cannot read
// them (DNS rebinding).
func TestMetricsCheckTheHost(t *testing.T) {
	p := start(t, t.TempDir(), "MYVAULT_METRICS_ADDR=127.0.0.1:0", "MYVAULT_HOSTS=vault.example.org")
	_, url, found := strings.Cut(p.greeting(t), "Metrics: ")
	is.New(t).True(found)
	url, _, _ = strings.Cut(url, "\n")
	for name, c := range map[string]struct {
		host, site string
		want       int
	}{
		"the address":       {"", "", 200},
		"an allowed host":   {"vault.example.org", "", 200},
		"another host":      {"attacker.example", "", 421},
		"a page of another": {"", "cross-site", 403},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			r, err := http.NewRequest("GET", url, nil)
			is.NoErr(err)
			r.Host = c.host
			if c.site != "" {
				r.Header.Set("Sec-Fetch-Site", c.site)
			}
			response, err := http.DefaultClient.Do(r)
			is.NoErr(err)
			is.NoErr(response.Body.Close())
			is.Equal(response.StatusCode, c.want)
		})
	}
}

// TestDrain checks that after SIGTERM the server reports that it is not ready, serves for a
// while, and then ends.
func TestDrain(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	p := start(t, t.TempDir(), "MYVAULT_DRAIN=10m") // longer than the rest of the test takes
	c := p.headers(t)
	is.Equal(p.must(t, c, "GET", "/ready", "").status, 200)
	is.NoErr(p.cmd.Process.Signal(syscall.SIGTERM))
	await(t, "not ready", func() bool { return p.must(t, c, "GET", "/ready", "").status == 503 })
	is.Equal(p.must(t, c, "POST", "/api/secrets", `{"project":"p","path":"x","value":"v"}`).status, 201) // still served
	is.Equal(p.must(t, c, "GET", "/health", "").status, 200)

	p = start(t, t.TempDir(), "MYVAULT_DRAIN=1s")
	is.NoErr(p.stop(t, syscall.SIGTERM))
}

// TestBadOperatingSettings checks that errors have the name of the setting, but not its value.
func TestBadOperatingSettings(t *testing.T) {
	for _, setting := range []string{"MYVAULT_METRICS_ADDR=canary", "MYVAULT_DRAIN=canary", "MYVAULT_SWEEP=canary", "LOG_FORMAT=canary"} {
		t.Run(setting, func(t *testing.T) {
			is := is.New(t)
			dir := t.TempDir()
			is.NoErr(os.WriteFile(filepath.Join(dir, ".env"), []byte(goodEnv), 0o600))
			p := command(t, dir, setting)
			is.True(p.cmd.Run() != nil)
			name, _, _ := strings.Cut(setting, "=")
			is.True(strings.Contains(p.stderr.String(), name))
			is.True(!strings.Contains(p.stderr.String(), "canary"))
		})
	}
}
