package server_test

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/authority"
)

// monitored is a server with every metric but those of HashiCorp Vault, and its certificates.
type monitored struct {
	*process
	certificate, clients *authority.Authority
	pair                 authority.Pair
	url                  string // of the metrics
}

// startMonitored starts one in dir.
func startMonitored(t *testing.T, dir string) *monitored {
	t.Helper()
	m := &monitored{certificate: authority.New(t, "servers"), clients: authority.New(t, "clients")}
	m.pair = m.certificate.Server(t)
	certificate, key := m.pair.Write(t, dir, "server")
	authority.WriteFile(t, filepath.Join(dir, "clients.pem"), m.clients.PEM)
	m.process = start(t, dir, "MYVAULT_METRICS_ADDR=127.0.0.1:0", "MYVAULT_TLS_CERT="+certificate,
		"MYVAULT_TLS_KEY="+key, "MYVAULT_TLS_CLIENT_CA="+filepath.Join(dir, "clients.pem"))
	m.client = clientFor(m.certificate)
	_, url, found := strings.Cut(m.greeting(t), "Metrics: ")
	is.New(t).True(found)
	m.url, _, _ = strings.Cut(url, "\n")
	return m
}

// metrics returns the page.
func (m *monitored) metrics(t *testing.T) string {
	t.Helper()
	is := is.New(t)
	response, err := http.Get(m.url)
	is.NoErr(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	is.NoErr(err)
	return string(text)
}

// metricNames returns the names of myVault's metrics on a page.
func metricNames(page string) (names []string) {
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (myvault_\w+) `).FindAllStringSubmatch(page, -1) {
		names = append(names, m[1])
	}
	return names
}

// TestMetricsOfTheServer checks the metrics that package metrics does not have.
func TestMetricsOfTheServer(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	p := start(t, dir)
	a := p.must(t, p.headers(t), "POST", "/api/secrets", `{"project":"canary","path":"x","value":"v","rotate_after":"2026-01-31T12:00:00Z"}`)
	is.Equal(a.status, 201)
	is.NoErr(p.stop(t, syscall.SIGTERM)) // the next server looks for due secrets at once
	m := startMonitored(t, dir)
	page := m.metrics(t)
	is.True(regexp.MustCompile(`myvault_build_info\{commit="[^"]+",go="` + regexp.QuoteMeta(runtime.Version()) + `",version="[^"]+"\} 1\n`).MatchString(page))
	for name, want := range map[string]int64{
		"certificate": m.pair.Leaf.NotAfter.Unix(), "client_ca": m.clients.Certificate.NotAfter.Unix(),
	} {
		found := regexp.MustCompile(`\nmyvault_tls_` + name + `_expiry_timestamp_seconds (\S+)\n`).FindStringSubmatch(page)
		is.True(found != nil)
		var got float64
		_, err := fmt.Sscan(found[1], &got)
		is.NoErr(err)
		is.Equal(int64(got), want)
	}
	await(t, "the scan", func() bool { return strings.Contains(m.metrics(t), "myvault_secrets_rotation_due 1\n") })
	is.True(strings.Contains(page, "myvault_secrets_expired "))
	is.True(!strings.Contains(m.metrics(t), "canary"))
}

// TestMetricsAreOptional covers a server without HTTPS and without MYVAULT_DUE.
func TestMetricsAreOptional(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	replace(t, filepath.Join(dir, ".env"), goodEnv)
	p := start(t, dir, "MYVAULT_METRICS_ADDR=127.0.0.1:0")
	var url string
	await(t, "the address", func() bool {
		_, url, _ = strings.Cut(p.stdout.String(), "Metrics: ")
		return strings.Contains(url, "\n")
	})
	page := (&monitored{process: p, url: strings.TrimSpace(strings.SplitN(url, "\n", 2)[0])}).metrics(t)
	is.True(strings.Contains(page, "myvault_build_info"))
	is.True(!strings.Contains(page, "myvault_tls_") && !strings.Contains(page, "myvault_secrets_"))
}

// ofVault matches the metrics of package metrics, which documents them itself.
var ofVault = regexp.MustCompile(`^myvault_(http|denied|unauthenticated|trail|cache|changes|access|epoch)(_|$)`)

// TestServerMetricsAreDocumented compares the metrics of the server with docs/operate.md.
func TestServerMetricsAreDocumented(t *testing.T) {
	is := is.New(t)
	text, _ := page(t, "docs/operate.md")
	_, table, found := strings.Cut(text, "\nThe server adds these:\n")
	is.True(found)
	var documented []string
	for _, name := range regexp.MustCompile("`(myvault_\\w+)`").FindAllStringSubmatch(table, -1) {
		documented = append(documented, name[1])
	}
	exposed := slices.DeleteFunc(metricNames(startMonitored(t, t.TempDir()).metrics(t)), ofVault.MatchString)
	slices.Sort(documented)
	slices.Sort(exposed)
	is.Equal(documented, exposed)
}
