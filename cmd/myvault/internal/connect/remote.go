package connect

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault/client"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/setup"
	"github.com/myswiftagent/myvault/tokens"
)

var _ Session = (*client.Client)(nil)

// openRemote prepares the calls of a server. It sends nothing.
func openRemote(s Settings) (*Vault, error) {
	at, err := s.server()
	if err != nil {
		return nil, err
	}
	config, err := s.identity(at)
	if err != nil {
		return nil, err
	}
	config.Address, config.Plaintext = at.address, s.Environ["MYVAULT_PLAINTEXT"] == "true"
	if config.TLS, err = s.tls(); err != nil {
		return nil, err
	}
	c, err := client.New(config)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	return &Vault{
		Session: c,
		Tokens:  remoteTokens{c},
		Where:   at.address,
		Remote:  true,
		client:  c,
		usage:   c.UsagePage,
		close:   c.Close,
	}, nil
}

// server is where a command connects to.
type server struct {
	address string
	data    string // the data directory that a first run of it would use
	chooser string // the .env that has chosen the address though the user has not named it, or ""
}

// server returns the server that the settings select.
func (s Settings) server() (server, error) {
	data := cmp.Or(s.Environ["MYVAULT_DATA"], "data")
	if address := cmp.Or(s.URL, s.Environ["MYVAULT_URL"]); address != "" {
		return server{address: address, data: data}, nil
	}
	path, all, err := setup.ServerSettings(s.environ())
	if err != nil {
		return server{}, fmt.Errorf("%w\nset --url or MYVAULT_URL if the server is not the one of this .env", err)
	}
	host, port, err := net.SplitHostPort(cmp.Or(all["MYVAULT_ADDR"], "127.0.0.1:"+cmp.Or(all["PORT"], "8000")))
	if err != nil {
		return server{}, fmt.Errorf("%w: MYVAULT_ADDR is not a host:port; set --url", ErrSettings)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	// A .env that another user wrote must not choose the machine that gets the token.
	if !isHere(host) {
		return server{}, fmt.Errorf("%w: MYVAULT_ADDR is not an address of this machine; set --url or MYVAULT_URL", ErrSettings)
	}
	scheme := "http"
	if all["MYVAULT_TLS_CERT"] != "" {
		scheme = "https"
	}
	found := server{address: scheme + "://" + net.JoinHostPort(host, port), data: cmp.Or(all["MYVAULT_DATA"], data)}
	for _, name := range []string{"MYVAULT_ADDR", "PORT"} {
		if setup.FromUnnamed(s.Environ, all, name) {
			found.chooser = path
		}
	}
	return found, nil
}

// checkCredential returns an error if a .env that the user has not named has chosen the server
// that would get a credential from file, or from the environment if file is "". It may be that of
// a foreign checkout. A file in the directory of the .env, or below it, comes from there too.
func (s server) checkCredential(file string) error {
	if s.chooser == "" || file != "" && isBelow(filepath.Dir(s.chooser), file) {
		return nil
	}
	return fmt.Errorf("%w: %s chooses the port that gets your credential; if you trust this file, set MYVAULT_ENV to its path, or set MYVAULT_URL", ErrSettings, s.chooser)
}

// isBelow reports whether file is in dir or below it, once symbolic links are followed.
func isBelow(dir, file string) bool {
	dir, dirErr := filepath.EvalSymlinks(dir)
	file, fileErr := filepath.EvalSymlinks(file)
	if dirErr != nil || fileErr != nil {
		return false
	}
	dir, dirErr = filepath.Abs(dir)
	file, fileErr = filepath.Abs(file)
	below, err := filepath.Rel(dir, file)
	return dirErr == nil && fileErr == nil && err == nil && filepath.IsLocal(below)
}

// isHere reports whether a host is an address of this machine.
func isHere(host string) bool {
	ip := net.ParseIP(host)
	if strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback() {
		return true
	}
	addresses, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(addresses, func(a net.Addr) bool {
		network, ok := a.(*net.IPNet)
		return ok && network.IP.Equal(ip)
	})
}

// Caller returns the service that the vault takes the caller for.
func (v *Vault) Caller(ctx context.Context) (string, error) {
	if service := v.Service(); service != "" || v.client == nil {
		return service, nil
	}
	identity, err := v.client.Whoami(ctx)
	return identity.Service, err
}

// Ready returns nil if the vault takes requests.
func (v *Vault) Ready(ctx context.Context) error {
	if v.client != nil {
		return v.client.Ready(ctx)
	}
	return v.ready(ctx)
}

// remoteTokens are the tokens of the caller's service.
type remoteTokens struct{ client *client.Client }

func (t remoteTokens) Mint(ctx context.Context, g tokens.Grant) (tokens.Token, error) {
	return t.client.MintToken(ctx, g)
}

func (t remoteTokens) List(ctx context.Context) iter.Seq2[tokens.Token, error] {
	return t.client.Tokens(ctx)
}

func (t remoteTokens) Revoke(ctx context.Context, id string) error {
	return t.client.RevokeToken(ctx, id)
}

// Anonymous opens what Open opens, but for Ready alone: no token is needed or sent.
func Anonymous(ctx context.Context, s Settings) (*Vault, error) {
	if s.IsLocal() {
		return openLocal(ctx, s)
	}
	at, err := s.server()
	if err != nil {
		return nil, err
	}
	if s.certificateFile() != "" {
		if err := at.checkCredential(""); err != nil {
			return nil, err
		}
	}
	config := client.Config{Address: at.address, Attempts: 1, Plaintext: true}
	config.Credentials = func(context.Context) (client.Credentials, error) { return client.Credentials{}, nil }
	if config.TLS, err = s.tls(); err != nil {
		return nil, err
	}
	c, err := client.New(config)
	if err != nil {
		return nil, err
	}
	return &Vault{Session: c, Where: at.address, Remote: true, client: c, close: c.Close}, nil
}
