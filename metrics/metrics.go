// Package metrics brings what a vault counts to Prometheus, on the registerer of the program
// that embeds it.
//
//	err := metrics.Register(registry, vault)
//	requests, err := metrics.NewRequests(registry)
//	api, err := httpapi.New(vault, httpapi.Config{Observe: requests.Observe})
//
// No label holds a name of a secret, project or service, nor anything else that a caller can
// choose: the labels are the patterns of routes, known methods and classes of statuses. All names
// begin with myvault_. Nothing but this package links the Prometheus client.
//
// Names of metrics may be added; before 1.0 one that changes has a line in CHANGELOG.md.
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
	namespace = "myvault"
	within    = 2 * time.Second // for asking a store about itself
)

// Register has r collect the [myvault.Metric]s of a vault, its provider and its trail, each time
// it is scraped. The error is that of r, such as for a second vault on it: give each a registerer
// of its own by [prometheus.WrapRegistererWith].
func Register(r prometheus.Registerer, vault *myvault.Vault) error {
	if r == nil || vault == nil {
		return fmt.Errorf("metrics: %w: a registerer and a vault are needed", myvault.ErrInvalid)
	}
	return r.Register(collector{vault})
}

// collector asks a vault when it is scraped.
type collector struct{ vault *myvault.Vault }

func (c collector) Describe(descs chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, descs) }

func (c collector) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	for _, m := range c.vault.Metrics(ctx) {
		kind := prometheus.GaugeValue
		if m.Counter {
			kind = prometheus.CounterValue
		}
		desc := prometheus.NewDesc(prometheus.BuildFQName(namespace, "", m.Name), m.Help, nil, nil)
		metrics <- prometheus.MustNewConstMetric(desc, kind, m.Value)
	}
}

// Requests counts what an [httpapi.Handler] answers.
type Requests struct {
	total *prometheus.CounterVec
	took  *prometheus.HistogramVec
}

// NewRequests registers the counters of requests with r. The error is that of r, with which none of them
// stays registered.
func NewRequests(r prometheus.Registerer) (*Requests, error) {
	if r == nil {
		return nil, fmt.Errorf("metrics: %w: a registerer is needed", myvault.ErrInvalid)
	}
	q := &Requests{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "http_requests_total", Help: "Requests by the pattern of their route, method and class of status.",
		}, []string{"route", "method", "status"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: namespace, Name: "http_request_seconds", Help: "How long requests took, by the pattern of their route and method.",
			Buckets: []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5},
		}, []string{"route", "method"}),
	}
	if err := r.Register(q.total); err != nil {
		return nil, err
	}
	if err := r.Register(q.took); err != nil {
		r.Unregister(q.total) // both or none
		return nil, err
	}
	return q, nil
}

// Observe is for [httpapi.Config].
func (q *Requests) Observe(o httpapi.Observation) {
	route := o.Route
	if route == "" {
		route = "none"
	}
	q.total.WithLabelValues(route, o.Method, strconv.Itoa(o.Status/100)+"xx").Inc()
	q.took.WithLabelValues(route, o.Method).Observe(o.Took.Seconds())
}
