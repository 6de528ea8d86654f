package main

import (
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/metrics"
)

// maxScrapes is how many connections the listener of metrics keeps open, so that it takes no files
// from the API.
const maxScrapes = 16

// OperatingSettings are for those who run the server.
type OperatingSettings struct {
	Drain   time.Duration `env:"MYVAULT_DRAIN" help:"how long to answer on, not ready, at the end: 5s (0s)"`
	Metrics string        `env:"MYVAULT_METRICS_ADDR" help:"host:port for GET /metrics, apart from the API; none: no metrics"`
}

// counters are the metrics of this server, on a listener of their own. Without one they count nothing.
type counters struct {
	listener net.Listener
	server   *http.Server
	observe  func(httpapi.Observation)
}

// newCounters listens on the address; "" for none.
func newCounters(address string, vault *myvault.Vault, out *output) (*counters, error) {
	if address == "" {
		return &counters{}, nil
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "myvault_log_dropped_total", Help: "Log lines that could not be written."},
			func() float64 { return float64(out.stderr.Dropped()) }))
	requests, err := metrics.NewRequests(registry)
	if err := errors.Join(err, metrics.Register(registry, vault)); err != nil {
		return nil, err
	}
	listener, err := listen(address, metricsSetting)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	listener = netutil.LimitListener(listener, maxScrapes)
	return &counters{listener: listener, server: server, observe: requests.Observe}, nil
}

// serve answers until what it gives is called.
func (c *counters) serve(out *output) (stop func()) {
	if c.server == nil {
		return func() {}
	}
	c.server.ErrorLog = log.New(out.repeats.Lines("metrics", true), "", 0)
	fmt.Fprintf(out.people(), "Metrics: http://%s/metrics\n", c.listener.Addr())
	out.logger.Info("serving metrics", "url", fmt.Sprintf("http://%s/metrics", c.listener.Addr()))
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := c.server.Serve(c.listener); !errors.Is(err, http.ErrServerClosed) {
			out.logger.Error("metrics are not served any more", "cause", err.Error())
		}
	})
	return func() {
		_ = c.server.Close()
		ended.Wait()
	}
}
