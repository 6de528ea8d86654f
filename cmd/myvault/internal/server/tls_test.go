package server_test

import (
	"crypto/tls"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/authority"
)

// clientFor returns a client that trusts ca.
func clientFor(ca *authority.Authority, pairs ...tls.Certificate) *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: authority.Pool(ca), Certificates: pairs},
		DisableKeepAlives: true,
	}}
}

func TestServerOverTLS(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	ca := authority.New(t, "servers")
	certificate, key := ca.Server(t).Write(t, dir, "server")
	p := start(t, dir, "MYVAULT_TLS_CERT="+certificate, "MYVAULT_TLS_KEY="+key)
	is.True(strings.HasPrefix(p.url, "https://127.0.0.1:"))
	is.True(strings.Contains(p.greeting(t), p.url+"/api/whoami"))
	response, err := clientFor(ca).Get(p.url + "/health")
	is.NoErr(err)
	is.NoErr(response.Body.Close())
	is.Equal(response.StatusCode, 200)
	plain, err := http.Get("http" + strings.TrimPrefix(p.url, "https") + "/health")
	is.NoErr(err)
	is.NoErr(plain.Body.Close())
	is.Equal(plain.StatusCode, 400) // net/http's response to plain HTTP
}

// TestCertificatesAreReloaded covers SIGHUP, changed files, and invalid files.
func TestCertificatesAreReloaded(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	dir := t.TempDir()
	ca, another := authority.New(t, "servers"), authority.New(t, "others")
	certificate, key := ca.Server(t).Write(t, dir, "server")
	p := start(t, dir, "MYVAULT_TLS_CERT="+certificate, "MYVAULT_TLS_KEY="+key)
	serves := func(ca *authority.Authority) bool {
		response, err := clientFor(ca).Get(p.url + "/health")
		if err == nil {
			_ = response.Body.Close()
		}
		return err == nil
	}
	is.True(serves(ca) && !serves(another))
	another.Server(t).Write(t, dir, "server")
	is.NoErr(p.cmd.Process.Signal(syscall.SIGHUP))
	await(t, "the certificate after SIGHUP", func() bool { return serves(another) })
	authority.WriteFile(t, key, []byte("canary"))
	is.NoErr(p.cmd.Process.Signal(syscall.SIGHUP))
	await(t, "the error", func() bool { return strings.Contains(p.stderr.String(), "the certificates are not reloaded") })
	is.True(serves(another))
	ca.Server(t).Write(t, dir, "server")
	await(t, "the certificate of the changed file", func() bool { return serves(ca) })
	is.True(!strings.Contains(p.stderr.String(), "canary"))
}

// TestAServiceByCertificate covers a service that has a certificate and no token.
func TestAServiceByCertificate(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	ca, clients := authority.New(t, "servers"), authority.New(t, "clients")
	certificate, key := ca.Server(t).Write(t, dir, "server")
	authority.WriteFile(t, filepath.Join(dir, "clients.pem"), clients.PEM)
	replace(t, filepath.Join(dir, ".env"), strings.Replace(goodEnv, "TOKEN_svc=canary-token-0123456789", "CERT_svc=uri:spiffe://example.org/svc", 1))
	p := start(t, dir, "MYVAULT_TLS_CERT="+certificate, "MYVAULT_TLS_KEY="+key, "MYVAULT_TLS_CLIENT_CA="+filepath.Join(dir, "clients.pem"))
	for uri, want := range map[string]int{"spiffe://example.org/svc": 200, "spiffe://example.org/other": 401} {
		response, err := clientFor(ca, clients.Client(t, authority.Wanted{URIs: []string{uri}}).TLS(t)).Get(p.url + "/api/whoami")
		is.NoErr(err)
		is.NoErr(response.Body.Close())
		is.Equal(response.StatusCode, want)
	}
}

func TestSettingsOfTLS(t *testing.T) {
	dir := t.TempDir()
	certificate, key := authority.New(t, "servers").Server(t).Write(t, dir, "server")
	for name, c := range map[string]struct {
		settings []string
		want     string
	}{
		"no key":           {[]string{"MYVAULT_TLS_CERT=" + certificate}, "MYVAULT_TLS_KEY"},
		"no certificate":   {[]string{"MYVAULT_TLS_KEY=" + key}, "MYVAULT_TLS_CERT"},
		"clients alone":    {[]string{"MYVAULT_TLS_CLIENT_CA=" + certificate}, "MYVAULT_TLS_CERT"},
		"required alone":   {[]string{"MYVAULT_TLS_CLIENT_REQUIRED=true"}, "MYVAULT_TLS_CERT"},
		"no authorities":   {[]string{"MYVAULT_TLS_CERT=" + certificate, "MYVAULT_TLS_KEY=" + key, "MYVAULT_TLS_CLIENT_REQUIRED=true"}, "authorities"},
		"an old version":   {[]string{"MYVAULT_TLS_CERT=" + certificate, "MYVAULT_TLS_KEY=" + key, "MYVAULT_TLS_MIN=1.1"}, "MYVAULT_TLS_MIN"},
		"a key as setting": {[]string{"MYVAULT_TLS_CERT=" + certificate, "MYVAULT_TLS_KEY=canary"}, "setting MYVAULT_TLS_KEY: the file does not exist"},
		"exchanged":        {[]string{"MYVAULT_TLS_CERT=" + key, "MYVAULT_TLS_KEY=" + certificate}, "switched"},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			p := command(t, t.TempDir(), c.settings...)
			is.True(p.cmd.Run() != nil)
			is.True(strings.Contains(p.stderr.String(), c.want))
			is.True(!strings.Contains(p.stderr.String(), "canary"))
		})
	}
}
