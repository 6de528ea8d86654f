// Package serve serves an [http.Handler]: it listens, speaks TLS with certificates that it
// reloads, and bounds open connections so that a flood of strangers does not keep known
// callers out.
//
// A handler reports to the server which callers it has authenticated, see [ConnOf].
package serve

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/logs"
)

// Limits of a connection, against clients that are slow or never end.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = time.Minute
	idleTimeout       = 2 * time.Minute
	maxHeader         = 16 << 10
	defaultGrace      = 10 * time.Second

	defaultConnections = 512
	minConnections     = 16
	minGrace           = 100 * time.Millisecond
	reservedFiles      = 96 // for the store, the log and other listeners
)

// Config holds the settings of [Serve]. The zero Config suits loopback.
type Config struct {
	// Logger gets warnings, and errors of connections: one record a second for each kind. Nil:
	// nothing is logged.
	Logger *slog.Logger
	// Certificates serves HTTPS with certificates from files. They are read again when they
	// change; if a changed file is unusable, the error is logged and the previous
	// certificates stay.
	Certificates *Certificates
	// TLS, in place of Certificates, serves HTTPS with these settings. It is copied.
	// MinVersion 0 means TLS 1.3. With neither, Serve speaks plain HTTP.
	TLS *tls.Config
	// PlaintextBeyondLoopback allows plain HTTP on an address that other machines can
	// reach. Tokens and values then cross the network readable, unless something in front
	// encrypts.
	PlaintextBeyondLoopback bool
	// MaxConnections is the limit of open connections; 0 means 512. It is lower if the
	// process may not open as many files, see Connections. A further connection replaces
	// one on which no caller has authenticated, or else one that waits for its next request
	// or for its client. Among those it is one of the network address, or of the service,
	// with the most connections, the oldest first.
	MaxConnections int
	// FilesPerConnection is how many open files a connection may need: 2 for a provider
	// that opens another connection for each request. 0 means 1.
	FilesPerConnection int
	// Check is called with the address of the listener before the first request. If it
	// returns an error, so does Serve. May be nil.
	Check func(net.Addr) error
	// Ready is called after Check, before the first request. May be nil.
	Ready func(net.Addr)
	// Draining is called when the context ends. May be nil.
	Draining func()
	// Drain is how long the server goes on answering after that, so that load balancers can
	// turn to other servers first. 0 means not at all.
	Drain time.Duration
	// Grace is how long requests in flight may take to finish when the server ends. 0 means 10
	// seconds.
	Grace time.Duration
}

// Serve answers requests from listener, which it closes, until ctx ends. It then calls
// Config.Draining, goes on for Config.Drain and waits for the requests in flight. It
// returns nil, or an error if some did not finish within the grace.
//
// It returns ErrInvalid if Config.Validate does, and the error of Config.Check.
//
// Requests come by HTTP/1.1 alone: one connection has one request at a time.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, config Config) error {
	if err := config.approve(listener.Addr()); err != nil {
		return errors.Join(err, listener.Close())
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	bounded := config.bound(listener)
	if config.Ready != nil {
		config.Ready(listener.Addr())
	}
	repeats := logs.NewRepeats(config.Logger)
	defer repeats.Flush()
	server := config.server(handler, repeats)
	defer config.follow(ctx)()
	ended := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			ended <- server.ServeTLS(bounded, "", "")
		} else {
			ended <- server.Serve(bounded)
		}
	}()
	select {
	case err := <-ended:
		// Close ends the connections that are kept alive.
		return errors.Join(fmt.Errorf("serve: %w", err), server.Close())
	case <-ctx.Done():
	}
	if config.Draining != nil {
		config.Draining()
	}
	select {
	case err := <-ended:
		return errors.Join(fmt.Errorf("serve: %w", err), server.Close())
	case <-time.After(config.Drain):
	}
	err := shutdown(server, config.Grace)
	<-ended
	return err
}

// approve returns the error of Validate or Check.
func (c Config) approve(addr net.Addr) error {
	if err := c.Validate(addr); err != nil || c.Check == nil {
		return err
	}
	return c.Check(addr)
}

// follow reloads the certificates when their files change, until stop returns.
func (c Config) follow(ctx context.Context) (stop func()) {
	if c.Certificates == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { c.Certificates.follow(ctx, c.Logger) })
	return func() {
		cancel()
		watching.Wait()
	}
}

// bound returns a listener with a limit of connections, and logs if that is lower than
// configured.
func (c Config) bound(l net.Listener) *listener {
	limit, asked := c.Connections(), c.asked()
	if limit < asked {
		c.Logger.Warn("fewer connections than configured: the process may open too few files; raise that limit (ulimit -n, LimitNOFILE=)",
			"files", openFiles(), "connections", limit, "asked", asked)
	}
	reads := int32(plainReads)
	if c.TLS != nil || c.Certificates != nil {
		reads = secureReads
	}
	return &listener{
		Listener: l,
		pool: &pool{
			limit: limit, grace: graceOf(limit, asked), began: time.Now(),
			open: make(map[*connection]struct{}), owners: make(map[ownerKey]*owner),
		},
		round: c.Certificates.round,
		reads: reads,
	}
}

// Connections returns how many connections [Serve] keeps open: MaxConnections, or as many
// as the process may open files for, less 96 for everything else, but at least 16. Beyond
// the limit of files no connection could be accepted for up to a second.
func (c Config) Connections() int {
	fit := (openFiles() - reservedFiles) / max(c.FilesPerConnection, 1)
	return min(c.asked(), max(fit, minConnections))
}

// graceOf returns the time for a stranger to send a request. It is shorter if there are fewer
// connections than configured, so that as many callers a second can connect.
func graceOf(limit, asked int) time.Duration {
	return max(grace*time.Duration(limit)/time.Duration(asked), minGrace)
}

func (c Config) asked() int { return cmp.Or(c.MaxConnections, defaultConnections) }

// shutdown waits for the requests in flight, and cuts off those that take longer than grace.
func shutdown(server *http.Server, grace time.Duration) error {
	if grace <= 0 {
		grace = defaultGrace
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("serve: requests in flight were cut off: %w", err), server.Close())
	}
	return nil
}

func (c Config) server(handler http.Handler, repeats *logs.Repeats) *http.Server {
	server := &http.Server{
		Handler:                      c.Certificates.reverify(handler),
		BaseContext:                  baseContext,
		ConnContext:                  connContext,
		ConnState:                    connState,
		Protocols:                    new(http.Protocols),
		DisableGeneralOptionsHandler: true, // the handler answers OPTIONS *, with its headers
		ReadHeaderTimeout:            readHeaderTimeout,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeader,
		ErrorLog:                     log.New(repeats.Lines("connections", true), "", 0),
	}
	server.Protocols.SetHTTP1(true)
	switch {
	case c.Certificates != nil:
		server.TLSConfig = c.Certificates.config()
	case c.TLS != nil:
		server.TLSConfig = c.TLS.Clone()
		if server.TLSConfig.MinVersion == 0 {
			server.TLSConfig.MinVersion = tls.VersionTLS13
		}
	}
	return server
}

// Validate reports whether [Serve] would serve on addr, apart from Check. It returns
// ErrInvalid if other machines can reach addr and there is neither TLS nor
// PlaintextBeyondLoopback, if both Certificates and TLS are set, and for negative numbers.
func (c Config) Validate(addr net.Addr) error {
	switch {
	case c.Certificates != nil && c.TLS != nil:
		return fmt.Errorf("serve: %w: set Certificates or TLS, not both", myvault.ErrInvalid)
	case c.MaxConnections < 0:
		return fmt.Errorf("serve: %w: MaxConnections is negative", myvault.ErrInvalid)
	case c.FilesPerConnection < 0:
		return fmt.Errorf("serve: %w: FilesPerConnection is negative", myvault.ErrInvalid)
	case c.Grace < 0:
		return fmt.Errorf("serve: %w: Grace is negative", myvault.ErrInvalid)
	case c.Drain < 0:
		return fmt.Errorf("serve: %w: Drain is negative (MYVAULT_DRAIN of the example server)", myvault.ErrInvalid)
	}
	if !IsLocal(addr) && c.TLS == nil && c.Certificates == nil && !c.PlaintextBeyondLoopback {
		return fmt.Errorf("serve: %w: address beyond loopback without TLS: configure a certificate (serve.Config.Certificates; MYVAULT_TLS_CERT and MYVAULT_TLS_KEY of the example server), listen on 127.0.0.1, or behind a proxy with TLS set serve.Config.PlaintextBeyondLoopback (MYVAULT_PLAINTEXT=true)", myvault.ErrInvalid)
	}
	return nil
}

// IsLocal reports whether only this machine can reach addr.
func IsLocal(addr net.Addr) bool {
	switch a := addr.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}
