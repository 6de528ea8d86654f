// Package metrics exports the metrics of a vault to Prometheus, through the registerer of the
// embedding program.
//
//	err := metrics.Register(registry, vault)
//	requests, err := metrics.NewRequests(registry)
//	api, err := httpapi.New(vault, httpapi.Config{Observe: requests.Observe})
//
// No label contains the name of a secret, project or service, or anything else that a caller can
// choose. The labels are route patterns, known methods and status classes. All names begin with
// myvault_. No other package imports the Prometheus client.
//
// Releases may add metrics. Before 1.0 they may also rename some; CHANGELOG.md lists those.
package metrics

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
)

const (
	namespace      = "myvault"
	collectTimeout = 2 * time.Second // for the store's own metrics
)

// Register registers a collector with r that reads the [myvault.Metric]s of a source at each
// scrape. The source is a [*myvault.Vault], which includes its provider and its trail, or another
// such as a watcher of package due. Register returns the error of r, such as for a second vault:
// use a separate registerer for each, from [prometheus.WrapRegistererWith].
func Register(r prometheus.Registerer, source myvault.Instrumented) error {
	if vault, ok := source.(*myvault.Vault); r == nil || source == nil || ok && vault == nil {
		return fmt.Errorf("metrics: %w: the registerer or the source is nil", myvault.ErrInvalid)
	}
	return r.Register(collector{source})
}

// collector reads the metrics of a source at each scrape.
type collector struct{ source myvault.Instrumented }

func (c collector) Describe(descs chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, descs) }

func (c collector) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	for _, m := range c.source.Metrics(ctx) {
		kind := prometheus.GaugeValue
		if m.Counter {
			kind = prometheus.CounterValue
		}
		desc := prometheus.NewDesc(prometheus.BuildFQName(namespace, "", m.Name), m.Help, nil, nil)
		metrics <- prometheus.MustNewConstMetric(desc, kind, m.Value)
	}
}

// Requests counts and times the requests of an [httpapi.Handler].
type Requests struct {
	total   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

// NewRequests registers the metrics of requests with r. If r returns an error, NewRequests
// returns it and registers none.
func NewRequests(r prometheus.Registerer) (*Requests, error) {
	if r == nil {
		return nil, fmt.Errorf("metrics: %w: the registerer is nil", myvault.ErrInvalid)
	}
	q := &Requests{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "http_requests_total", Help: "Requests by route pattern, method and status class.",
		}, []string{"route", "method", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "http_request_seconds", Help: "Duration of requests by route pattern and method.",
			Buckets: []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5},
		}, []string{"route", "method"}),
	}
	if err := r.Register(q.total); err != nil {
		return nil, err
	}
	if err := r.Register(q.seconds); err != nil {
		r.Unregister(q.total)
		return nil, err
	}
	return q, nil
}

// Observe records a request. It is the Observe function of [httpapi.Config].
func (q *Requests) Observe(o httpapi.Observation) {
	route := o.Route
	if route == "" {
		route = "none"
	}
	q.total.WithLabelValues(route, o.Method, strconv.Itoa(o.Status/100)+"xx").Inc()
	q.seconds.WithLabelValues(route, o.Method).Observe(o.Took.Seconds())
}
