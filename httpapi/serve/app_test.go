package serve_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/internal/servertest"
)

// app is a handler that trusts its callers: a request is of the service that X-Service or a
// verified client certificate names.
type app struct {
	work atomic.Pointer[func(context.Context)] // of a request for /work
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, caller := serve.ConnOf(r.Context()), callerOf(r)
	if caller != "" {
		conn.Authenticated(caller)
	}
	conn.Wait()
	_, _ = io.Copy(io.Discard, r.Body)
	conn.Resume()
	switch work := a.work.Load(); {
	case r.URL.Path == "/whoami" && caller == "":
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Path == "/work" && work != nil:
		(*work)(r.Context())
	}
	conn.Wait() // until the answer is read
	fmt.Fprint(w, caller)
}

func callerOf(r *http.Request) string {
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 && len(r.TLS.VerifiedChains[0][0].DNSNames) > 0 {
		name, _, _ := strings.Cut(r.TLS.VerifiedChains[0][0].DNSNames[0], ".")
		return name
	}
	return r.Header.Get("X-Service")
}

// running is an app that is served.
type running struct {
	t      *testing.T
	app    *app
	url    string
	client *http.Client // its connections are not those of other servers
	logs   *servertest.Log
	stop   context.CancelFunc
	ended  chan error
}

// start serves an app on the address of listener until stop.
func start(t *testing.T, listener net.Listener, config serve.Config) *running {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	transport := &http.Transport{}
	s := &running{
		t: t, app: &app{}, url: "http://" + listener.Addr().String(), client: &http.Client{Transport: transport},
		logs: &servertest.Log{}, stop: stop, ended: make(chan error, 1),
	}
	config.Logger = slog.New(slog.NewTextHandler(s.logs, nil))
	go func() { s.ended <- serve.Serve(ctx, listener, s.app, config) }()
	t.Cleanup(stop)
	t.Cleanup(transport.CloseIdleConnections)
	return s
}

// get returns the status of a request, 0 if it gets no answer.
func (s *running) get(path string, headers ...string) int {
	r, err := http.NewRequest("GET", s.url+path, nil)
	if err != nil {
		s.t.Error(err)
		return 0
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	response, err := s.client.Do(r)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body) // else the client closes the connection
	return response.StatusCode
}

func isErr(is *is.I, err, target error) {
	is.Helper()
	is.True(errors.Is(err, target))
}
