package scenarios

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/serve"

	"github.com/myswiftagent/myvault/bench/measure"
	"github.com/myswiftagent/myvault/bench/peers"
)

const (
	connections = 64
	bareHandler = "bare handler"
)

// httpTables compare GETs of one secret with a handler that writes the same bytes.
func httpTables(r *run) (_ []Table, err error) {
	var open closers
	defer func() { err = errors.Join(err, open.close()) }()
	servers, err := r.servers(&open)
	if err != nil {
		return nil, err
	}
	candidates := make([]measure.Candidate, len(servers))
	for i, s := range servers {
		clients, err := s.connect(&open)
		if err != nil {
			return nil, err
		}
		candidates[i] = measure.Candidate{Name: s.name, Round: func() ([]float64, error) {
			rate, err := measure.PerSecond(r.Slice, connections, func(caller, _ int) error { return clients[caller].get(io.Discard) })
			return []float64{rate}, err
		}}
	}
	results, err := measure.Rounds(r.ctx, r.Rounds, candidates)
	if err != nil {
		return nil, err
	}
	t := Table{Title: "Serving", Note: "GET of one secret over 64 persistent connections. The bare handler is a net/http handler that writes the same headers and body, without routes, limits or timeouts. " +
		"myVault is served by `httpapi.Serve`, with timeouts. The clients run on the same cores and do almost no work."}
	for _, result := range results {
		row := Row{What: result.Name, Secrets: r.mainSize(), Unit: perSecond, Figure: result.Of(0)}
		if result.Name != bareHandler {
			row.Against, row.Ratio, row.Goal = bareHandler, result.Of(0).Over(results[0].Of(0)), serveGoal(result.Name)
		} else {
			row.Secrets = 0
		}
		t.Rows = append(t.Rows, row)
	}
	return []Table{t}, nil
}

func serveGoal(name string) Goal {
	switch name {
	case "myVault, relaxed", "myVault in memory, relaxed":
		return RatioAtLeast(0.75, "at least 0.75x a bare handler")
	case "myVault, strict", "myVault in memory, strict":
		return RatioAtLeast(0.55, "at least 0.55x a bare handler")
	}
	return Goal{}
}

// server listens on a local port.
type server struct {
	name string
	addr string
}

const secretPath = "/api/secrets/service-0000/prod/db/key-050"

func identity() map[string]string {
	return map[string]string{"X-Service": peers.ServiceName, "X-Token": peers.Token}
}

// connect opens the connections and checks that each of them can read the secret.
func (s server) connect(open *closers) ([]*client, error) {
	clients := make([]*client, connections)
	for i := range clients {
		c, err := dial(s.addr, secretPath, identity())
		if err != nil {
			return nil, err
		}
		*open = append(*open, c)
		var body bytes.Buffer
		if err := c.get(&body); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		if !bytes.Contains(body.Bytes(), []byte(`"path":"prod/db/key-050"`)) {
			return nil, fmt.Errorf("%s: the response has another secret", s.name)
		}
		clients[i] = c
	}
	return clients, nil
}

// servers starts the servers of this scenario, the bare handler first.
func (r *run) servers(open *closers) ([]server, error) {
	local, err := r.local(r.mainSize())
	if err != nil {
		return nil, err
	}
	*open = append(*open, local)
	inMemory, err := peers.MemoryVaults(peers.Names(r.mainSize()))
	if err != nil {
		return nil, err
	}
	*open = append(*open, inMemory)
	var servers []server
	for _, v := range []struct {
		name   string
		vaults *peers.Vaults
	}{{"myVault", local}, {"myVault in memory", inMemory}} {
		for _, mode := range peers.Modes {
			handler, err := httpapi.New(v.vaults.Vault(mode.Reads), httpapi.Config{})
			if err != nil {
				return nil, err
			}
			if len(servers) == 0 {
				s, err := serveBare(handler, open)
				if err != nil {
					return nil, err
				}
				servers = append(servers, s)
			}
			s, err := serveAPI(v.name+", "+mode.Name, handler, open)
			if err != nil {
				return nil, err
			}
			servers = append(servers, s)
		}
	}
	return servers, nil
}

// serveAPI serves a vault with httpapi.Serve.
func serveAPI(name string, handler *httpapi.Handler, open *closers) (server, error) {
	return serveAPIWith(name, handler, serve.Config{Grace: time.Second}, open)
}

func serveAPIWith(name string, handler *httpapi.Handler, config serve.Config, open *closers) (server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return server{}, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- httpapi.Serve(ctx, listener, handler, config) }()
	*open = append(*open, closerFunc(func() error { cancel(); return <-ended }))
	return server{name, listener.Addr().String()}, nil
}

// serveBare records one response of handler and serves it for every request.
func serveBare(handler http.Handler, open *closers) (server, error) {
	request := httptest.NewRequest(http.MethodGet, secretPath, nil)
	request.Host = "localhost"
	for name, value := range identity() {
		request.Header.Set(name, value)
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	if answer.Code != http.StatusOK {
		return server{}, fmt.Errorf("unexpected status %d", answer.Code)
	}
	headers, body := answer.Header(), answer.Body.Bytes()
	return serveHandler(bareHandler, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		for name, values := range headers {
			h[name] = values
		}
		_, _ = w.Write(body)
	}), open)
}

// serveHandler serves with net/http alone.
func serveHandler(name string, handler http.Handler, open *closers) (server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return server{}, err
	}
	bare := &http.Server{Handler: handler}
	ended := make(chan error, 1)
	go func() { ended <- bare.Serve(listener) }()
	*open = append(*open, closerFunc(func() error {
		err := bare.Close()
		<-ended
		return err
	}))
	return server{name, listener.Addr().String()}, nil
}

type closerFunc func() error

func (c closerFunc) Close() error { return c() }
