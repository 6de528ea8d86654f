package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/console"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/tokens"
)

// check gives everything with which the server would not start, short of opening the store and listening, and
// the certificates: their files may be pipes, which are read once.
func (l loaded) check(ctx context.Context) (*httpapi.Certificates, error) {
	certificates, tlsWrong := l.certificates()
	wrong := []error{l.Settings.Check(ctx), tlsWrong, l.checkAPI(), l.checkSweep()}
	if l.Metrics != "" {
		_, err := resolve(l.Metrics, metricsSetting)
		wrong = append(wrong, err)
	}
	addr, err := resolve(l.address(), addressSetting)
	wrong = append(wrong, err)
	if err == nil {
		if tlsWrong == nil {
			wrong = append(wrong, l.serverConfig(certificates).Check(addr))
		}
		wrong = append(wrong, httpapi.CheckPolicy(l.policy, addr, nil))
	}
	return certificates, errors.Join(wrong...)
}

// checkAPI makes the API once, over a vault that nobody uses.
func (l loaded) checkAPI() error {
	vault, err := myvault.New(memory.New(memory.Config{}), l.policy, myvault.Config{})
	if err != nil {
		return err
	}
	issuer, err := tokens.New(vault, tokens.Config{})
	if err == nil {
		_, err = l.handler(vault, issuer, slog.New(slog.DiscardHandler), nil)
	}
	return errors.Join(err, vault.Close())
}

// checkIdentities refuses certificates of services where no client could show one.
func (l loaded) checkIdentities() error {
	var wrong []error
	for _, name := range l.policy.Services() {
		if setting := "CERT_" + name; l.all[setting] != "" && l.ClientCA == "" {
			wrong = append(wrong, fmt.Errorf("%s has no effect without MYVAULT_TLS_CLIENT_CA, the authorities of client certificates", setting))
		}
	}
	return errors.Join(wrong...)
}

// handler makes the API of a vault, with capability tokens.
func (s settings) handler(vault *myvault.Vault, issuer *tokens.Issuer, logger *slog.Logger, observe func(httpapi.Observation)) (*httpapi.Handler, error) {
	secrets, err := s.projectSecrets()
	if err != nil {
		return nil, err
	}
	config := httpapi.Config{
		Logger: logger, AllowedHosts: s.Hosts, AllowedOrigins: s.Origins, Forwarders: s.Forwarders, Observe: observe,
		Tokens: issuer, Store: s.Provider, ProjectSecrets: secrets,
	}
	if s.Console {
		config.Console = console.New()
	}
	return httpapi.New(vault, config)
}

func (s settings) serverConfig(certificates *httpapi.Certificates) httpapi.ServerConfig {
	files := 1
	if s.Provider == "hashivault" {
		files = 2 // one to the caller, one to the cluster
	}
	return httpapi.ServerConfig{
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
func resolve(address, setting string) (net.Addr, error) {
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %s is no host:port of this machine", setting)
	}
	return addr, nil
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
