package httpapi

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
	"strings"
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
)

// Limits of a connection, against clients that trickle or never end.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = time.Minute
	idleTimeout       = 2 * time.Minute
	maxHeader         = 16 << 10
	defaultGrace      = 10 * time.Second

	defaultConnections = 512
	leastConnections   = 16
	leastGrace         = 100 * time.Millisecond
	reservedFiles      = 96 // for the store, the log and other listeners
)

// ServerConfig is what Serve may be told. The zero ServerConfig suits loopback.
type ServerConfig struct {
	// Certificates serves HTTPS with certificates from files, read again when those change. What is
	// wrong with a changed file is logged, and what was read before stays in force.
	Certificates *Certificates
	// TLS, in place of Certificates, holds the certificates to serve HTTPS with, by TLS 1.3
	// unless MinVersion says otherwise. It is copied. Neither of both: plain HTTP.
	TLS *tls.Config
	// PlaintextBeyondLoopback allows plain HTTP on an address that other machines reach. Then
	// tokens and values cross the network readable, unless something in front encrypts.
	PlaintextBeyondLoopback bool
	// MaxConnections is how many connections may be open; 0 means 512. They are fewer if the
	// process may not open as many files, see Connections. A further one takes the place of one on
	// which no caller has proved its identity, else of one that waits for its next request or whose
	// client keeps a request waiting. Among them it is one of the network address, or of the
	// service, with the most, the oldest first.
	MaxConnections int
	// FilesPerConnection is how many open files a connection may need: 2 for a provider that opens
	// another connection for each request. 0 means 1.
	FilesPerConnection int
	// Drain is how long the server goes on answering when it ends, while GET /ready answers 503 and
	// balancers turn to others. 0 means not at all.
	Drain time.Duration
	// Grace is how long requests in flight may take to finish when the server ends. 0 means 10 seconds.
	Grace time.Duration
	// Ready is called once the address is found fit, before requests are answered. May be nil.
	Ready func(net.Addr)
}

// Serve answers requests from listener, which it closes, until ctx ends. Then it is not ready any
// more, goes on for ServerConfig.Drain, requests in flight finish, and it returns nil, or an error if some did not within the grace.
//
// ErrInvalid where the listener is reached from beyond loopback and either there is no TLS,
// unless PlaintextBeyondLoopback says that this is meant, or a service of the policy has
// a token under 16 characters, in any case; for both Certificates and TLS; and for a negative
// MaxConnections. For a policy that is set later ask [CheckPolicy].
//
// Requests come by HTTP/1.1 alone: with it one connection has one request at a time.
func Serve(ctx context.Context, listener net.Listener, handler *Handler, config ServerConfig) error {
	if err := guard(listener, handler, config); err != nil {
		return errors.Join(err, listener.Close())
	}
	places := config.bound(listener, handler.logger)
	if config.Ready != nil {
		config.Ready(listener.Addr())
	}
	server := newServer(handler, config)
	defer handler.repeats.Flush()
	defer config.follow(ctx, handler.logger)()
	ended := make(chan error, 1)
	go func() {
		if server.TLSConfig != nil {
			ended <- server.ServeTLS(places, "", "")
		} else {
			ended <- server.Serve(places)
		}
	}()
	select {
	case err := <-ended:
		// Connections that are kept alive would be answered on.
		return errors.Join(fmt.Errorf("httpapi: serve: %w", err), server.Close())
	case <-ctx.Done():
	}
	handler.Drain()
	select {
	case err := <-ended:
		return errors.Join(fmt.Errorf("httpapi: serve: %w", err), server.Close())
	case <-time.After(config.Drain):
	}
	err := shutdown(server, config.Grace)
	<-ended
	return err
}

// follow reads the certificates again when their files change, until stop returns.
func (c ServerConfig) follow(ctx context.Context, logger *slog.Logger) (stop func()) {
	if c.Certificates == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { c.Certificates.follow(ctx, logger) })
	return func() {
		cancel()
		watching.Wait()
	}
}

// bound returns the listener that keeps as many connections as Connections says, and logs if those
// are few.
func (c ServerConfig) bound(listener net.Listener, logger *slog.Logger) *bounded {
	limit, asked := c.Connections(), c.asked()
	if limit < asked {
		logger.Warn("fewer connections than asked for, as the process may open few files; raise that limit (ulimit -n, LimitNOFILE=)",
			"files", openFiles(), "connections", limit, "asked", asked)
	}
	reads := int32(plainReads)
	if c.TLS != nil || c.Certificates != nil {
		reads = secureReads
	}
	return &bounded{
		Listener: listener,
		all:      &connections{limit: limit, grace: graceOf(limit, asked), began: time.Now()},
		round:    c.Certificates.round,
		reads:    reads,
	}
}

// Connections returns how many connections [Serve] keeps open: MaxConnections, or as many as the
// process may open files for, less 96 for all else, but at least 16. Beyond that limit no
// connection could be accepted for up to a second.
func (c ServerConfig) Connections() int {
	fit := (openFiles() - reservedFiles) / max(c.FilesPerConnection, 1)
	return min(c.asked(), max(fit, leastConnections))
}

// graceOf returns how long strangers may say nothing. With fewer places than asked for it is
// shorter, so that as many callers a second are let in.
func graceOf(limit, asked int) time.Duration {
	return max(grace*time.Duration(limit)/time.Duration(asked), leastGrace)
}

func (c ServerConfig) asked() int { return cmp.Or(c.MaxConnections, defaultConnections) }

// shutdown lets requests in flight finish, and cuts off those that take too long.
func shutdown(server *http.Server, grace time.Duration) error {
	if grace <= 0 {
		grace = defaultGrace
	}
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("httpapi: requests in flight were cut off: %w", err), server.Close())
	}
	return nil
}

func newServer(handler *Handler, config ServerConfig) *http.Server {
	server := &http.Server{
		Handler:                      config.Certificates.recheck(handler),
		BaseContext:                  baseContext,
		ConnContext:                  known,
		ConnState:                    follow,
		Protocols:                    new(http.Protocols),
		DisableGeneralOptionsHandler: true, // our own answer has our headers
		ReadHeaderTimeout:            readHeaderTimeout,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxHeader,
		ErrorLog:                     log.New(handler.repeats.Lines("connections", true), "", 0),
	}
	server.Protocols.SetHTTP1(true)
	switch {
	case config.Certificates != nil:
		server.TLSConfig = config.Certificates.config()
	case config.TLS != nil:
		server.TLSConfig = config.TLS.Clone()
		if server.TLSConfig.MinVersion == 0 {
			server.TLSConfig.MinVersion = tls.VersionTLS13
		}
	}
	return server
}

// guard refuses to expose secrets by accident.
func guard(listener net.Listener, handler *Handler, config ServerConfig) error {
	if err := config.Check(listener.Addr()); err != nil {
		return err
	}
	return CheckPolicy(handler.vault.Policy(), listener.Addr(), handler.logger)
}

// Check tells whether [Serve] would serve so on an address, whatever the policy, for which there is
// [CheckPolicy]: ErrInvalid where other machines reach it without TLS and PlaintextBeyondLoopback does not say
// that this is meant, for both Certificates and TLS, and for a negative MaxConnections.
func (c ServerConfig) Check(addr net.Addr) error {
	switch {
	case c.Certificates != nil && c.TLS != nil:
		return fmt.Errorf("httpapi: %w: set ServerConfig.Certificates or TLS, not both", myvault.ErrInvalid)
	case c.MaxConnections < 0:
		return fmt.Errorf("httpapi: %w: MaxConnections is negative", myvault.ErrInvalid)
	case c.FilesPerConnection < 0:
		return fmt.Errorf("httpapi: %w: FilesPerConnection is negative", myvault.ErrInvalid)
	case c.Drain < 0:
		return fmt.Errorf("httpapi: %w: Drain is negative (MYVAULT_DRAIN of the example server)", myvault.ErrInvalid)
	}
	if !local(addr) && c.TLS == nil && c.Certificates == nil && !c.PlaintextBeyondLoopback {
		return fmt.Errorf("httpapi: %w: the address is reached from beyond loopback without TLS; give it a certificate (ServerConfig.Certificates; MYVAULT_TLS_CERT and MYVAULT_TLS_KEY for the example server), listen on 127.0.0.1, or behind a proxy that has TLS say so: ServerConfig.PlaintextBeyondLoopback, MYVAULT_PLAINTEXT=true", myvault.ErrInvalid)
	}
	return nil
}

// CheckPolicy tells whether a policy may serve on an address, as [Serve] does at its start:
// ErrInvalid where other machines reach it and a service has a token under 16 characters, or one
// that the documents show as an example. On loopback such tokens are a warning to logger, which may
// be nil. Ask it before [myvault.Vault.SetPolicy]. The length of a sha256: token shows only when a
// caller presents it: beyond loopback one under 16 bytes is answered as a wrong one.
func CheckPolicy(policy *myvault.Policy, addr net.Addr, logger *slog.Logger) error {
	weak := strings.Join(policy.WeakTokens(), ", ")
	switch {
	case weak == "":
	case !local(addr):
		return fmt.Errorf("httpapi: %w: beyond loopback tokens need 16 characters, and none of the documents will do; give others to %s", myvault.ErrInvalid, weak)
	case logger != nil:
		logger.Warn("tokens under 16 characters, or of the documents, can be guessed; they are refused beyond loopback", "services", weak)
	}
	return nil
}

// local reports whether only this machine reaches the address.
func local(addr net.Addr) bool {
	switch a := addr.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}
