package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/console"
	"github.com/myswiftagent/myvault/httpapi/guard"
	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/tokens"
)

// check returns everything with which the server would not start, short of opening the store and
// listening, and the certificates: their files may be pipes, which are read once. The start, a
// reload and -lint all ask it; a server that started already does not open pipes again.
func (l loaded) check(ctx context.Context, started bool) (*serve.Certificates, error) {
	certificates, tlsWrong := l.certificates(started)
	wrong := []error{l.wrong, l.Settings.Check(ctx), tlsWrong, l.checkAPI(), l.checkSweep(), l.checkServices()}
	addr, err := resolve(l.address(), addressSetting)
	wrong = append(wrong, err)
	if l.Metrics != "" {
		metrics, err := resolve(l.Metrics, metricsSetting)
		if addr != nil && metrics != nil && overlap(addr, metrics) {
			err = fmt.Errorf("setting %s is the address of the API; give it another port", metricsSetting)
		}
		wrong = append(wrong, err)
	}
	if err == nil && tlsWrong == nil {
		config := serve.Config{Certificates: certificates, PlaintextBeyondLoopback: l.Plaintext}
		wrong = append(wrong, named("MYVAULT_ADDR", config.Validate(addr))) // PORT alone is on loopback
	}
	if err == nil && l.policy != nil {
		wrong = append(wrong, httpapi.CheckPolicy(l.policy, addr, nil))
	}
	return certificates, errors.Join(wrong...)
}

// checkAPI checks the settings of the API one by one, over a vault that is not used.
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
		return named(setting, err)
	}
	loopback := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}
	secrets, wrongSecrets := l.projectSecrets()
	_, wrongAPI := httpapi.New(vault, httpapi.Config{ProjectSecrets: secrets})
	return errors.Join(
		wrongSecrets,
		named("MYVAULT_PROJECT_SECRETS", wrongAPI),
		guarded("MYVAULT_HOSTS", guard.Config{AllowedHosts: l.Hosts}),
		guarded("MYVAULT_ORIGINS", guard.Config{AllowedOrigins: l.Origins}),
		guarded("MYVAULT_FORWARDERS", guard.Config{Forwarders: l.Forwarders}),
		named("MYVAULT_CONNECTIONS", serve.Config{MaxConnections: l.Connections}.Validate(loopback)),
		named("MYVAULT_DRAIN", serve.Config{Drain: l.Drain}.Validate(loopback)),
		vault.Close(),
	)
}

// named returns err with the setting that it is about.
func named(setting string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("setting %s: %w", setting, err)
}

// checkServices refuses a service that no client can log in as, certificates that no client could
// present, and a MYVAULT_DUE that names no service. The library accepts services that cannot log
// in: they are for programs that embed it.
func (l loaded) checkServices() error {
	var wrong []error
	services := items(l.all["ALLOWED_SERVICES"])
	for _, name := range services {
		token, certificate := l.all["TOKEN_"+name], l.all["CERT_"+name]
		switch {
		case myvault.ValidateService(name) != nil: // said by the policy, and not shown: it may be anything
		case certificate != "" && l.ClientCA == "":
			wrong = append(wrong, fmt.Errorf("CERT_%s has no effect without MYVAULT_TLS_CLIENT_CA, the authorities of client certificates", name))
		case token+certificate == "" && name != l.Due:
			wrong = append(wrong, fmt.Errorf("setting TOKEN_%s is missing: nobody can log in as %s; give it a token, or a certificate by CERT_%s, or take it out of ALLOWED_SERVICES", name, name, name))
		}
	}
	if l.Due != "" && !slices.Contains(services, l.Due) {
		wrong = append(wrong, errors.New("MYVAULT_DUE names no service of ALLOWED_SERVICES")) // nor shown
	}
	return errors.Join(wrong...)
}

// handler makes the API of a vault, with capability tokens.
func (s settings) handler(vault *myvault.Vault, issuer *tokens.Issuer, logger *slog.Logger, observe func(httpapi.Observation)) (*httpapi.Handler, error) {
	secrets, err := s.projectSecrets()
	if err != nil {
		return nil, err
	}
	g, err := guard.New(guard.Config{AllowedHosts: s.Hosts, AllowedOrigins: s.Origins, Forwarders: s.Forwarders})
	if err != nil {
		return nil, err
	}
	config := httpapi.Config{
		Logger: logger, Guard: g, Observe: observe,
		Tokens: issuer, Store: s.Provider, ProjectSecrets: secrets,
	}
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

// address is where the server listens.
func (s settings) address() string { return cmp.Or(s.Addr, fmt.Sprintf("127.0.0.1:%d", s.Port)) }

const (
	addressSetting = "PORT or MYVAULT_ADDR"
	metricsSetting = "MYVAULT_METRICS_ADDR"
)

// resolve reads an address that a setting gave, as listen does. It is not shown where it is none.
func resolve(address, setting string) (*net.TCPAddr, error) {
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %s is no host:port of this machine", setting)
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

// outside gives the host:port by which clients reach the server: beyond loopback its name, where it has one.
func (s settings) outside(addr net.Addr) string {
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
