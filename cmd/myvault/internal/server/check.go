package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/console"
	"github.com/myswiftagent/myvault/httpapi/guard"
	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/providers/memory"
)

// check returns all errors of the settings that can be found without opening the store and
// listening. It also returns the certificates, because their files may be pipes, which can be
// read only once. It is used at the start, by a reload, and by Lint. If started is set, it does
// not open pipes again.
func (l loaded) check(ctx context.Context, started bool) (*serve.Certificates, error) {
	certificates, tlsErr := l.certificates(started)
	errs := []error{l.parseErr, l.Settings.Check(ctx), tlsErr, l.checkAPI(), l.checkSweep(), l.checkVaultLease(), l.checkServices()}
	addr, err := resolve(l.address(), addressSetting)
	errs = append(errs, err)
	if l.Metrics != "" {
		metrics, err := resolve(l.Metrics, metricsSetting)
		if addr != nil && metrics != nil && overlap(addr, metrics) {
			err = fmt.Errorf("setting %s is the address of the API; use another port", metricsSetting)
		}
		errs = append(errs, err)
	}
	if err == nil && tlsErr == nil {
		config := serve.Config{Certificates: certificates, PlaintextBeyondLoopback: l.Plaintext}
		errs = append(errs, withSetting("MYVAULT_ADDR", config.Validate(addr))) // PORT alone is always on loopback
	}
	if err == nil && l.policy != nil {
		errs = append(errs, httpapi.CheckPolicy(l.policy, addr, nil))
	}
	return certificates, errors.Join(errs...)
}

// checkAPI checks the settings of the API one by one, with an empty vault.
func (l loaded) checkAPI() error {
	policy, err := myvault.NewPolicy()
	if err != nil {
		return err
	}
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	if err != nil {
		return err
	}
	guarded := func(setting string, config guard.Config) error {
		_, err := guard.New(config)
		return withSetting(setting, err)
	}
	loopback := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
	secrets, secretsErr := l.projectSecrets()
	_, apiErr := httpapi.New(vault, httpapi.Config{ProjectSecrets: secrets})
	_, watchesErr := httpapi.New(vault, httpapi.Config{MaxWatches: l.MaxWatches})
	return errors.Join(
		secretsErr,
		withSetting("MYVAULT_PROJECT_SECRETS", apiErr),
		guarded("MYVAULT_HOSTS", guard.Config{AllowedHosts: l.Hosts}),
		guarded("MYVAULT_ORIGINS", guard.Config{AllowedOrigins: l.Origins}),
		guarded("MYVAULT_FORWARDERS", guard.Config{Forwarders: l.Forwarders}),
		withSetting("MYVAULT_CONNECTIONS", serve.Config{MaxConnections: l.Connections}.Validate(loopback)),
		withSetting("MYVAULT_MAX_WATCHES", watchesErr),
		withSetting("MYVAULT_DRAIN", serve.Config{Drain: l.Drain}.Validate(loopback)),
		vault.Close(),
	)
}

// withSetting adds the name of a setting to err.
func withSetting(setting string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("setting %s: %w", setting, err)
}

// checkServices returns an error for a service that no client can log in as, for certificates
// that no client could present, and for a MYVAULT_DUE that is not a service. The library accepts
// services without a login, because programs that embed it may use them.
func (l loaded) checkServices() error {
	var errs []error
	services := items(l.all["ALLOWED_SERVICES"])
	for _, name := range services {
		token, certificate := l.all["TOKEN_"+name], l.all["CERT_"+name]
		switch {
		case myvault.ValidateService(name) != nil: // ParsePolicy reports it, without the name
		case certificate != "" && l.ClientCA == "":
			errs = append(errs, fmt.Errorf("CERT_%s has no effect without MYVAULT_TLS_CLIENT_CA, the authorities of client certificates", name))
		case token+certificate == "" && name != l.Due:
			errs = append(errs, fmt.Errorf("setting TOKEN_%s is missing: no client can log in as %s; set TOKEN_%s or CERT_%s, or remove it from ALLOWED_SERVICES", name, name, name, name))
		}
	}
	if l.Due != "" && !slices.Contains(services, l.Due) {
		errs = append(errs, errors.New("MYVAULT_DUE is not a service in ALLOWED_SERVICES")) // without the value
	}
	return errors.Join(errs...)
}

// handler returns the HTTP API of a vault.
func (s settings) handler(vault *myvault.Vault, config httpapi.Config) (*httpapi.Handler, error) {
	secrets, err := s.projectSecrets()
	if err != nil {
		return nil, err
	}
	config.Store, config.ProjectSecrets, config.MaxWatches = s.Provider, secrets, s.MaxWatches
	if s.Console {
		config.Console = console.New()
	}
	return httpapi.New(vault, config)
}

func (s settings) serverConfig(certificates *serve.Certificates) serve.Config {
	files := 1
	if s.Provider == "hashivault" {
		files = 2 // one to the caller, one to the cluster
	}
	return serve.Config{
		FilesPerConnection:      files,
		Certificates:            certificates,
		MaxConnections:          s.Connections,
		PlaintextBeyondLoopback: s.Plaintext,
		Drain:                   s.Drain,
	}
}

// address returns the address to listen on.
func (s settings) address() string { return cmp.Or(s.Addr, fmt.Sprintf("127.0.0.1:%d", s.Port)) }

const (
	addressSetting = "PORT or MYVAULT_ADDR"
	metricsSetting = "MYVAULT_METRICS_ADDR"
)

// resolve parses the address of a setting, like listen. Its error does not contain the address,
// which may be any text.
func resolve(address, setting string) (*net.TCPAddr, error) {
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %s is not a host:port of this machine", setting)
	}
	return addr, nil
}

// overlap reports whether a process cannot listen on both addresses.
func overlap(a, b *net.TCPAddr) bool {
	covers := func(a, b *net.TCPAddr) bool {
		return a.IP == nil || a.IP.Equal(net.IPv6unspecified) || a.IP.Equal(net.IPv4zero) && b.IP.To4() != nil
	}
	return a.Port != 0 && a.Port == b.Port && (a.IP.Equal(b.IP) || covers(a, b) || covers(b, a))
}

// publicAddress returns the host:port for clients. Beyond loopback, it uses the host name of the
// server if one is set.
func (s settings) publicAddress(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	ip := net.ParseIP(host)
	if err != nil || ip == nil || ip.IsLoopback() {
		return addr.String()
	}
	switch {
	case len(s.Hosts) > 0:
		host = strings.Trim(s.Hosts[0], "[]")
	case ip.IsUnspecified():
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}
