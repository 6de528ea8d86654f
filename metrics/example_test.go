package metrics_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/metrics"
	"github.com/myswiftagent/myvault/providers/memory"
)

func Example() {
	policy, err := myvault.ParsePolicy(map[string]string{"ALLOWED_SERVICES": "newsbot", "TOKEN_newsbot": "a-token-of-newsbot"})
	if err != nil {
		fmt.Println(err)
		return
	}
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer vault.Close()

	registry := prometheus.NewRegistry()
	if err := metrics.Register(registry, vault); err != nil {
		fmt.Println(err)
	}
	requests, err := metrics.NewRequests(registry)
	if err != nil {
		fmt.Println(err)
		return
	}
	api, err := httpapi.New(vault, httpapi.Config{Observe: requests.Observe})
	if err != nil {
		fmt.Println(err)
		return
	}
	api.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "http://localhost/health", nil))

	page := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range lines(page.Body.String(), "myvault_http_requests_total{") {
		fmt.Println(line)
	}
	// Output: myvault_http_requests_total{method="GET",route="/health",status="2xx"} 1
}
