package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/build"
)

// collectors returns the collectors of the process, of its log and of its certificates.
func (r *reloader) collectors() []prometheus.Collector {
	all := []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildInfo(),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "myvault_log_dropped_total", Help: "Log lines that could not be written."},
			func() float64 { return float64(r.output.stderr.Dropped()) }),
	}
	if r.certificates == nil {
		return all
	}
	all = append(all, expiry("myvault_tls_certificate_expiry_timestamp_seconds", "When the server's certificate expires, in Unix seconds.",
		func() time.Time { return r.certificates.Expiry().Certificate }))
	if !r.certificates.Expiry().ClientCA.IsZero() {
		all = append(all, expiry("myvault_tls_client_ca_expiry_timestamp_seconds", "When the first authority of client certificates expires, in Unix seconds.",
			func() time.Time { return r.certificates.Expiry().ClientCA }))
	}
	return all
}

// buildInfo returns a gauge that is always 1, with the build as labels.
func buildInfo() prometheus.Collector {
	b := build.Read()
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "myvault_build_info", Help: "1, with the version, the commit and the Go version of the program.",
		ConstLabels: prometheus.Labels{"version": b.Version, "commit": b.Commit, "go": b.Go},
	}, func() float64 { return 1 })
}

// expiry returns a gauge of a time.
func expiry(name, help string, at func() time.Time) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(at().Unix()) })
}
