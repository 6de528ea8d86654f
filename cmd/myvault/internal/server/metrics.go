package server

import (
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/net/netutil"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/guard"
	"github.com/myswiftagent/myvault/metrics"
)

// maxScrapes limits the open connections of the metrics listener, so that they do not use up the
// files that the API needs.
const maxScrapes = 16

// OperatingSettings are the settings of shutdown and metrics.
type OperatingSettings struct {
	Drain   time.Duration `env:"MYVAULT_DRAIN" help:"how long to keep serving after SIGTERM while /ready fails, such as 5s (0s)"`
	Metrics string        `env:"MYVAULT_METRICS_ADDR" help:"host:port of a separate listener for GET /metrics; empty: no metrics"`
}

// metricsServer serves the metrics on a separate listener. If server is nil, there are no metrics.
type metricsServer struct {
	listener net.Listener
	server   *http.Server
	observe  func(httpapi.Observation)
	registry *prometheus.Registry
}

// newMetricsServer listens on the address of the settings. If it is "", there are no metrics. Like
// the API, it refuses requests for other hosts and those of pages of other sites.
func newMetricsServer(r *reloader) (*metricsServer, error) {
	s := r.started.settings
	if s.Metrics == "" {
		return &metricsServer{}, nil
	}
	checks, err := guard.New(guard.Config{AllowedHosts: s.Hosts})
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(r.collectors()...)
	requests, err := metrics.NewRequests(registry)
	if err := errors.Join(err, metrics.Register(registry, r.vault)); err != nil {
		return nil, err
	}
	listener, err := listen(s.Metrics, metricsSetting)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	server := &http.Server{
		Handler: checks.Handler(mux), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}
	listener = netutil.LimitListener(listener, maxScrapes)
	return &metricsServer{listener: listener, server: server, observe: requests.Observe, registry: registry}, nil
}

// add adds the metrics of a background task.
func (c *metricsServer) add(source myvault.Instrumented) error {
	if c.registry == nil {
		return nil
	}
	return metrics.Register(c.registry, source)
}

// serve serves metrics until stop is called.
func (c *metricsServer) serve(out *output) (stop func()) {
	if c.server == nil {
		return func() {}
	}
	c.server.ErrorLog = log.New(out.repeats.Lines("metrics", true), "", 0)
	fmt.Fprintf(out.console(), "Metrics: http://%s/metrics\n", c.listener.Addr())
	out.logger.Info("serving metrics", "url", fmt.Sprintf("http://%s/metrics", c.listener.Addr()))
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := c.server.Serve(c.listener); !errors.Is(err, http.ErrServerClosed) {
			out.logger.Error("the metrics server has failed", "cause", err.Error())
		}
	})
	return func() {
		_ = c.server.Close()
		ended.Wait()
	}
}
