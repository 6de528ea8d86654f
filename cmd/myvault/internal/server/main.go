// Package server serves a vault over HTTP, with settings from the environment and a .env.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/caarlos0/env/v11"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/setup"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/stores"
	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/internal/reload"
	"github.com/myswiftagent/myvault/tokens"
)

const help = `Serves a vault over HTTP.

Settings come from the environment and from a .env: MYVAULT_ENV, else .env in
the working directory, else .env in MYVAULT_DATA. If there is a .env, only the
.env sets the policy. If there is no .env and no policy in the environment, a
first run generates a .env in MYVAULT_DATA.

The policy is ALLOWED_SERVICES, TOKEN_<service>, CERT_<service>,
ALLOW_<service> and DENY_<service>; see README.md. The server reloads it when
the .env changes, and on SIGHUP.

myvault lint checks the settings and reports rules without effect. myvault
health checks a running server with these settings. The other settings are

`

type settings struct {
	Port      uint16     `env:"PORT" envDefault:"8000" help:"port on 127.0.0.1 (8000)"`
	Addr      string     `env:"MYVAULT_ADDR" help:"host:port to listen on, instead of PORT"`
	Hosts     []string   `env:"MYVAULT_HOSTS" help:"further allowed host names of this server, comma-separated"`
	Plaintext bool       `env:"MYVAULT_PLAINTEXT" help:"true: listen beyond loopback without TLS, behind a proxy with TLS"`
	Env       string     `env:"MYVAULT_ENV" help:"path of the .env"`
	Console   bool       `env:"MYVAULT_CONSOLE" envDefault:"true" help:"false: do not serve the management console at /console/ (true)"`
	Due       string     `env:"MYVAULT_DUE" help:"a service; secrets that it may list and that expire or are due for rotation are logged once"`
	LogLevel  slog.Level `env:"LOG_LEVEL" envDefault:"INFO" help:"DEBUG, INFO, WARN or ERROR (INFO)"`
	LogFormat format     `env:"LOG_FORMAT" envDefault:"text" help:"text or json (text)"`
	CallerSettings
	VaultAPISettings
	OperatingSettings
	TLSSettings
	stores.Settings
}

// Help describes the settings.
func Help() string { return help + strings.TrimRight(setup.Help[settings](), "\n") }

// Run serves until a signal ends it, and returns the exit code. It prints its own errors.
func Run() (code int) {
	stop := &stopper{}
	ctx := stop.watch()
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // early, because SIGHUP ends the process by default
	signal.Ignore(syscall.SIGPIPE)         // keep running if the reader of the log exits
	err := run(ctx, stop, hangups)
	if err == nil {
		return 0
	}
	if !errors.Is(err, errReported) {
		printError(err)
	}
	return 1
}

// run serves until ctx ends.
func run(ctx context.Context, stop *stopper, hangups <-chan os.Signal) error {
	process := env.ToMap(os.Environ())
	path, err := setup.Find(process)
	if err != nil {
		return err
	}
	r := &reloader{source: source{path, process}, hangups: hangups}
	if path != "" {
		r.files = reload.New(path)
	}
	if r.started, err = r.load(); err != nil {
		return err
	}
	r.output = newOutput(r.started.settings)
	r.logger = r.output.logger
	return r.output.end(r.openAndServe(ctx, stop))
}

// openAndServe opens the vault, serves it until ctx ends, and closes it.
func (r *reloader) openAndServe(ctx context.Context, stop *stopper) (err error) {
	if r.certificates, err = r.started.check(ctx, false); err != nil {
		return err
	}
	if err := setup.WriteHeaders(r.path, r.process, r.started.all); err != nil {
		return err
	}
	if r.vault, err = open(ctx, r.started.Settings, r.started.policy); err != nil {
		return err
	}
	cleanUp := func() {
		r.logger.Warn("stopped at once by a second signal; requests in flight were aborted")
		_ = r.vault.Close() // writes the pending trail entries
		r.output.close()
	}
	stop.cleanUp.Store(&cleanUp)
	return errors.Join(serveVault(ctx, r), r.vault.Close())
}

// open opens the vault over the provider that the settings select.
func open(ctx context.Context, s stores.Settings, policy *myvault.Policy) (*myvault.Vault, error) {
	store, err := s.Open(ctx, true)
	if err != nil {
		return nil, err
	}
	trail, err := s.Trail(ctx)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return myvault.New(store, policy, myvault.Config{Trail: trail})
}

// serveVault serves requests until ctx ends. Requests in flight and a running reload then finish.
func serveVault(ctx context.Context, r *reloader) error {
	s := r.started.settings
	metrics, err := newMetricsServer(r)
	if err != nil {
		return err
	}
	defer metrics.serve(r.output)()
	issuer, err := tokens.New(r.vault, tokens.Config{})
	if err != nil {
		return err
	}
	handlers, err := s.handlers(r.vault, issuer, r.logger, metrics.observe)
	if err != nil {
		return err
	}
	listener, err := listen(s.address(), addressSetting)
	if err != nil {
		return err
	}
	tasks, err := r.startTasks(issuer, metrics)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer tasks.Close()
	serving, end := context.WithCancel(ctx)
	var reloads sync.WaitGroup
	defer reloads.Wait()
	defer end()
	config := s.serverConfig(r.certificates)
	config.Ready = func(addr net.Addr) {
		r.addr = addr
		greet(r.output.console(), s, r.path, addr)
		r.logger.Info("serving", "url", s.scheme()+"://"+addr.String(), "provider", s.Provider, "connections", config.Connections())
		reloads.Go(func() { r.run(serving) })
	}
	context.AfterFunc(ctx, func() { r.logger.Info("stopping") })
	defer handlers.FlushLog()
	return serve.Serve(ctx, listener, handlers, handlers.api.ServeConfig(config))
}

// closers are closed in reverse order.
type closers []io.Closer

func (c closers) Close() error {
	var errs []error
	for _, closer := range slices.Backward(c) {
		errs = append(errs, closer.Close())
	}
	return errors.Join(errs...)
}

// startTasks starts the background tasks of the server.
func (r *reloader) startTasks(issuer *tokens.Issuer, metrics *metricsServer) (tasks closers, err error) {
	s := r.started.settings
	sweeper, err := s.sweepTokens(issuer, r.logger)
	if err != nil {
		return nil, err
	}
	tasks = append(tasks, sweeper)
	if s.Due == "" {
		return tasks, nil
	}
	watcher, err := watchDue(r.vault, s.Due, r.logger)
	if err != nil {
		return nil, errors.Join(err, tasks.Close())
	}
	tasks = append(tasks, watcher)
	if err := metrics.add(watcher); err != nil {
		return nil, errors.Join(err, tasks.Close())
	}
	return tasks, nil
}

// listen listens on the address of a setting. Its error does not contain the address, which may be
// any text.
func listen(address, setting string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return nil, fmt.Errorf("listen: %w; set %s to another address", errno, setting)
	} else if err != nil {
		return nil, fmt.Errorf("listen: %s is not a host:port of this machine", setting)
	}
	return listener, nil
}

// logger returns a logger with the format and level of the settings.
func (s settings) logger(out io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: s.LogLevel}
	if s.LogFormat == asJSON {
		return slog.New(slog.NewJSONHandler(out, options))
	}
	return slog.New(slog.NewTextHandler(out, options))
}

// format is the format of the logs.
type format string

const (
	asText format = "text"
	asJSON format = "json"
)

// UnmarshalText implements [encoding.TextUnmarshaler].
func (f *format) UnmarshalText(text []byte) error {
	*f = format(text)
	if *f != asText && *f != asJSON {
		return errors.New("want text or json")
	}
	return nil
}

// greet prints the addresses and files of the server.
func greet(out io.Writer, s settings, path string, addr net.Addr) {
	data, _ := filepath.Abs(s.Data)
	fmt.Fprintf(out, "myVault serves %s://%s\n", s.scheme(), addr)
	if s.Console {
		fmt.Fprintf(out, "Console: %s://%s/console/\n", s.scheme(), s.publicAddress(addr))
	}
	switch s.Provider {
	case "memory":
		fmt.Fprint(out, "Store and trail: in memory, lost when the server stops\n")
	case "hashivault":
		fmt.Fprintf(out, "Store: HashiCorp Vault at %s\nTrail: %s\n", strings.Join(s.Addresses, ", "), data)
	default:
		fmt.Fprintf(out, "Store and trail: %s\n", data)
	}
	if path != "" {
		file, _ := filepath.Abs(path)
		fmt.Fprintf(out, "Policy: %s\n", file)
	}
	if s.KeyFile == "" && path == filepath.Join(s.Data, ".env") && s.Provider != "memory" {
		fmt.Fprint(out, `The master key is in the same directory as the data that it protects. To keep it elsewhere, move its
"base64:..." to a file with mode 600 and replace the setting by MSA_MASTER_KEY_FILE=<path of that file>.
`)
	}
	headers := filepath.Join(data, setup.Headers)
	if _, err := os.Stat(headers); err == nil {
		if s.scheme() == "https" {
			fmt.Fprintln(out, "If this machine does not trust the certificate's authority, add --cacert <its file> to curl.")
		}
		fmt.Fprintf(out, "Try: curl -H '@%s' %s://%s/api/whoami\n", headers, s.scheme(), s.publicAddress(addr))
	}
}
