package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/myswiftagent/myvault/examples/internal/setup"
)

const healthTimeout = 4 * time.Second

// health asks the server that has these settings, on this machine, whether it works. It makes
// and writes nothing. Where every client needs a certificate it tells only that the server asks for one.
func health(ctx context.Context, environ []string) error {
	process := env.ToMap(environ)
	all, err := setup.Read[settings](setup.Look(process), process)
	if err != nil {
		return err
	}
	s, err := setup.Parse[settings](all)
	if err != nil {
		return err
	}
	at, err := s.reachable()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.scheme()+"://"+at+"/health", nil)
	if err != nil {
		return errors.New("MYVAULT_ADDR is no host:port")
	}
	// Nothing secret is sent and nothing is believed but the status, so the name in the certificate,
	// which is seldom a loopback address, does not matter.
	client := &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // another server's health
	}
	answer, err := client.Do(request)
	if refused, ok := errors.AsType[*net.OpError](err); ok && s.ClientRequired && refused.Op == "remote error" {
		return nil // the alert to a client without a certificate
	}
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("unhealthy: %s", answer.Status)
	}
	return nil
}

// reachable gives the address of the server as this machine reaches it.
func (s settings) reachable() (string, error) {
	host, port, err := net.SplitHostPort(cmp.Or(s.Addr, "127.0.0.1:"+strconv.Itoa(int(s.Port))))
	if err != nil || port == "0" {
		return "", errors.New("set PORT or MYVAULT_ADDR: the address of the server must be known")
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port), nil
}
