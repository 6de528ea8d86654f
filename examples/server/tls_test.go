package main_test

import (
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/authority"
)

// trusting gives a client of a server with a certificate of ca.
func trusting(ca *authority.Authority, pairs ...tls.Certificate) *http.Client {
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
	answer, err := trusting(ca).Get(p.url + "/health")
	is.NoErr(err)
	is.NoErr(answer.Body.Close())
	is.Equal(answer.StatusCode, 200)
	plain, err := http.Get("http" + strings.TrimPrefix(p.url, "https") + "/health")
	is.NoErr(err)
	is.NoErr(plain.Body.Close())
	is.Equal(plain.StatusCode, 400) // of net/http: the client speaks no TLS
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
		"a key as setting": {[]string{"MYVAULT_TLS_CERT=" + certificate, "MYVAULT_TLS_KEY=canary"}, "file of the key"},
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
