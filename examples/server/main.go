// Command server serves a vault over HTTP; -h explains its settings.
package main

import (
	"context"
	"errors"
	"flag"
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
	"github.com/myswiftagent/myvault/examples/internal/setup"
	"github.com/myswiftagent/myvault/examples/internal/stores"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/internal/reload"
	"github.com/myswiftagent/myvault/tokens"
)

const help = `Serves a vault over HTTP. Settings come from a .env (MYVAULT_ENV, else .env here, else in MYVAULT_DATA)
and the environment; the policy comes from the .env alone, if there is one. With neither, a first run
makes MYVAULT_DATA with a generated .env. The policy is ALLOWED_SERVICES, TOKEN_<service>,
CERT_<service>, ALLOW_<service> and DENY_<service>; see README.md. It is put in force anew when the .env changes, and at
SIGHUP. -lint checks the settings and says what in the policy has no effect; -health asks the server that
has these settings whether it works, and ends with 1 if not. The other settings are

`

type settings struct {
	Port      uint16     `env:"PORT" envDefault:"8000" help:"the port on 127.0.0.1 (8000)"`
	Addr      string     `env:"MYVAULT_ADDR" help:"host:port to listen on, in place of 127.0.0.1 and PORT"`
	Hosts     []string   `env:"MYVAULT_HOSTS" help:"further names of this server in the Host header, comma-separated"`
	Plaintext bool       `env:"MYVAULT_PLAINTEXT" help:"true: listen beyond loopback without TLS, behind a proxy that has it"`
	Env       string     `env:"MYVAULT_ENV" help:"the path of the .env"`
	Console   bool       `env:"MYVAULT_CONSOLE" envDefault:"true" help:"false: without the management console at /console/ (true)"`
	Due       string     `env:"MYVAULT_DUE" help:"a service: of what it may list, what expires or is due for rotation is logged, once"`
	LogLevel  slog.Level `env:"LOG_LEVEL" envDefault:"INFO" help:"DEBUG, INFO, WARN or ERROR (INFO)"`
	LogFormat format     `env:"LOG_FORMAT" envDefault:"text" help:"text or json (text)"`
	CallerSettings
	OperatingSettings
	TLSSettings
	stores.Settings
}

func main() {
	flag.Usage = func() { fmt.Fprint(os.Stderr, help+setup.Help[settings]()) }
	checking := flag.Bool("lint", false, "")
	asking := flag.Bool("health", false, "")
	flag.Parse()
	stop := &stopper{}
	ctx := stop.watch()
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP) // at once: it would end the process
	var err error
	switch {
	case flag.NArg() > 0:
		err = errors.New("the server takes no arguments; -h explains its settings")
	case *checking:
		err = lint(ctx, os.Stdout)
	case *asking:
		err = health(ctx, os.Environ())
	default:
		signal.Ignore(syscall.SIGPIPE) // the reader of the log may go away; the server stays
		err = run(ctx, stop, hangups)
	}
	if err == nil {
		return
	}
	if !errors.Is(err, errReported) {
		complain(err)
	}
	os.Exit(1)
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
		r.logger.Warn("stopped at once by a second signal; requests in flight were cut off")
		_ = r.vault.Close() // writes the entries of the trail that wait
		r.output.close()
	}
	stop.cleanUp.Store(&cleanUp)
	return errors.Join(serve(ctx, r), r.vault.Close())
}

// open opens the vault over the provider that the settings name.
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

// serve answers requests until ctx ends; those in flight then finish, and so does a reload.
func serve(ctx context.Context, r *reloader) error {
	s := r.started.settings
	counters, err := newCounters(s.Metrics, r.vault, r.output)
	if err != nil {
		return err
	}
	defer counters.serve(r.output)()
	issuer, err := tokens.New(r.vault, tokens.Config{})
	if err != nil {
		return err
	}
	handler, err := s.handler(r.vault, issuer, r.logger, counters.observe)
	if err != nil {
		return err
	}
	listener, err := listen(s.address(), addressSetting)
	if err != nil {
		return err
	}
	duties, err := s.duties(r.vault, issuer, r.logger)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer duties.Close()
	serving, end := context.WithCancel(ctx)
	var reloads sync.WaitGroup
	defer reloads.Wait()
	defer end()
	config := s.serverConfig(r.certificates)
	config.Ready = func(addr net.Addr) {
		r.addr = addr
		greet(r.output.people(), s, r.path, addr)
		r.logger.Info("serving", "url", s.scheme()+"://"+addr.String(), "provider", s.Provider, "connections", config.Connections())
		reloads.Go(func() { r.run(serving) })
	}
	context.AfterFunc(ctx, func() { r.logger.Info("stopping") })
	return httpapi.Serve(ctx, listener, handler, config)
}

// closers are what is closed in the opposite order.
type closers []io.Closer

func (c closers) Close() error {
	var wrong []error
	for _, closer := range slices.Backward(c) {
		wrong = append(wrong, closer.Close())
	}
	return errors.Join(wrong...)
}

// duties begins what the server does beside answering.
func (s settings) duties(vault *myvault.Vault, issuer *tokens.Issuer, logger *slog.Logger) (closers, error) {
	watcher, err := watchDue(vault, s.Due, logger)
	if err != nil {
		return nil, err
	}
	sweeper, err := s.sweepTokens(issuer, logger)
	if err != nil {
		return nil, errors.Join(err, watcher.Close())
	}
	return closers{watcher, sweeper}, nil
}

// listen opens an address that a setting gave. It is not shown where it is none: it may be anything.
func listen(address, setting string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if refused, ok := errors.AsType[syscall.Errno](err); ok {
		return nil, fmt.Errorf("listen: %w; choose another address with %s", refused, setting)
	} else if err != nil {
		return nil, fmt.Errorf("listen: %s is no host:port of this machine", setting)
	}
	return listener, nil
}

// logger writes in the format and from the level that the settings name.
func (s settings) logger(to io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: s.LogLevel}
	if s.LogFormat == asJSON {
		return slog.New(slog.NewJSONHandler(to, options))
	}
	return slog.New(slog.NewTextHandler(to, options))
}

// format is how logs are written.
type format string

const (
	asText format = "text"
	asJSON format = "json"
)

// UnmarshalText takes the two names alone.
func (f *format) UnmarshalText(text []byte) error {
	*f = format(text)
	if *f != asText && *f != asJSON {
		return errors.New("neither text nor json")
	}
	return nil
}

// greet prints where everything is.
func greet(to io.Writer, s settings, path string, addr net.Addr) {
	data, _ := filepath.Abs(s.Data)
	fmt.Fprintf(to, "myVault serves %s://%s\n", s.scheme(), addr)
	if s.Console {
		fmt.Fprintf(to, "Console: %s://%s/console/\n", s.scheme(), s.outside(addr))
	}
	switch s.Provider {
	case "memory":
		fmt.Fprint(to, "Store and trail: in memory, gone when the server stops\n")
	case "hashivault":
		fmt.Fprintf(to, "Store: HashiCorp Vault at %s\nTrail: %s\n", strings.Join(s.Addresses, ", "), data)
	default:
		fmt.Fprintf(to, "Store and trail: %s\n", data)
	}
	if path != "" {
		file, _ := filepath.Abs(path)
		fmt.Fprintf(to, "Policy: %s\n", file)
	}
	if s.KeyFile == "" && path == filepath.Join(s.Data, ".env") && s.Provider != "memory" {
		fmt.Fprint(to, `The master key lies in the same directory as the data that it protects. To keep it elsewhere, move its
"base64:..." into a file with mode 600, and put MSA_MASTER_KEY_FILE=<path of that file> in place of it.
`)
	}
	headers := filepath.Join(data, setup.Headers)
	if _, err := os.Stat(headers); err == nil {
		if s.scheme() == "https" {
			fmt.Fprintln(to, "Where this machine does not know the certificate's authority, give curl --cacert <its file>.")
		}
		fmt.Fprintf(to, "Try: curl -H '@%s' %s://%s/api/whoami\n", headers, s.scheme(), s.outside(addr))
	}
}
