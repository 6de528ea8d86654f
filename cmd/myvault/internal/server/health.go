package server

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

	"github.com/myswiftagent/myvault/cmd/myvault/internal/setup"
)

const healthTimeout = 4 * time.Second

// Health sends GET /health to the server with these settings on this machine, and returns its URL.
// It creates no files. If every client needs a certificate, it only checks that the server asks
// for one.
func Health(ctx context.Context, environ []string) (url string, err error) {
	process := env.ToMap(environ)
	all, err := setup.Read[settings](setup.LocateEnv(process), process)
	if err != nil {
		return "", err
	}
	s, err := setup.Parse[settings](all)
	if err != nil {
		return "", err
	}
	addr, err := s.localAddress()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	url = s.scheme() + "://" + addr
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/health", nil)
	if err != nil {
		return "", errors.New("MYVAULT_ADDR is not a host:port")
	}
	// The certificate rarely has a loopback address. Verifying it is not necessary: the request
	// has no secrets, and only the status of the response is used.
	client := &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the target may be another server
	}
	response, err := client.Do(request)
	if opErr, ok := errors.AsType[*net.OpError](err); ok && s.ClientRequired && opErr.Op == "remote error" {
		return url, nil // the TLS alert to a client without a certificate
	}
	if err != nil {
		return "", fmt.Errorf("no response: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("unhealthy: %s", response.Status)
	}
	return url, nil
}

// localAddress returns the address of the server for this machine.
func (s settings) localAddress() (string, error) {
	host, port, err := net.SplitHostPort(cmp.Or(s.Addr, "127.0.0.1:"+strconv.Itoa(int(s.Port))))
	if err != nil || port == "0" {
		return "", errors.New("set PORT or MYVAULT_ADDR to the address of the server")
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port), nil
}
