package server_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/authority"
)

// freePort returns a free port of 127.0.0.1.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
}

// TestHealthOfARunningServer runs health over HTTP, TLS, and TLS with client certificates.
func TestHealthOfARunningServer(t *testing.T) {
	dir := t.TempDir()
	certificate, key := authority.New(t, "servers").Server(t).Write(t, dir, "server")
	clients := filepath.Join(dir, "clients.pem")
	authority.WriteFile(t, clients, authority.New(t, "clients").PEM)
	overTLS := []string{"MYVAULT_TLS_CERT=" + certificate, "MYVAULT_TLS_KEY=" + key}
	for name, settings := range map[string][]string{
		"HTTP":                      nil,
		"TLS":                       overTLS,
		"TLS, certificates allowed": append([]string{"MYVAULT_TLS_CLIENT_CA=" + clients}, overTLS...),
		"TLS, certificates needed":  append([]string{"MYVAULT_TLS_CLIENT_CA=" + clients, "MYVAULT_TLS_CLIENT_REQUIRED=true"}, overTLS...),
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			dir := t.TempDir()
			settings := append([]string{"PORT=" + freePort(t)}, settings...)
			var stdout string
			healthy := func() (string, error) {
				p := command(t, dir, settings...)
				p.subcommand("health")
				p.cmd.Stdout = &p.stdout
				err := p.cmd.Run()
				stdout = p.stdout.String()
				return p.stderr.String(), err
			}
			_, err := healthy()
			is.True(err != nil) // no server
			_, err = os.Stat(filepath.Join(dir, "data"))
			is.True(os.IsNotExist(err)) // no files are created
			p := start(t, dir, settings...)
			stderr, err := healthy()
			is.Equal(stderr, "")
			is.NoErr(err)
			is.Equal(stdout, "ok: "+p.url+"\n")
			is.NoErr(p.stop(t, syscall.SIGTERM))
			_, err = healthy()
			is.True(err != nil)
		})
	}
}

func TestHealthOfAnUnhealthyServer(t *testing.T) {
	is := is.New(t)
	unhealthy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		is.Equal(r.URL.Path, "/health")
		is.Equal(len(r.Header["X-Token"]), 0)
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer unhealthy.Close()
	p := command(t, t.TempDir(), "MYVAULT_ADDR="+unhealthy.Listener.Addr().String())
	p.subcommand("health")
	is.True(p.cmd.Run() != nil)
	is.True(strings.Contains(p.stderr.String(), "503"))
}

// TestHealthDoesNotFollowRedirects checks that the health of another server does not count.
func TestHealthDoesNotFollowRedirects(t *testing.T) {
	is := is.New(t)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	defer other.Close()
	redirects := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer redirects.Close()
	p := command(t, t.TempDir(), "MYVAULT_ADDR="+redirects.Listener.Addr().String())
	p.subcommand("health")
	is.True(p.cmd.Run() != nil)
	is.True(strings.Contains(p.stderr.String(), "302"))
}
