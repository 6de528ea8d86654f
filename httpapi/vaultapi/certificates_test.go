package vaultapi_test

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/authority"
)

// TestCertificates: a client certificate logs in by auth/cert/login, beside a token where both are
// needed, and alone.
func TestCertificates(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	f.setPolicy(map[string]string{"CERT_lister": "dns:lister.internal", "CERT_reader": "dns:reader.internal,with:token"})
	servers, clients := authority.New(t, "servers"), authority.New(t, "clients")
	server := httptest.NewUnstartedServer(f.handler)
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{servers.Server(t).TLS(t)},
		ClientAuth:   tls.VerifyClientCertIfGiven, ClientCAs: authority.Pool(clients),
	}
	server.StartTLS()
	defer server.Close()
	issued := make(map[string]tls.Certificate)
	send := func(dns, method, path, body, token string) (int, string) {
		config := &tls.Config{RootCAs: authority.Pool(servers)}
		if dns != "" {
			if _, known := issued[dns]; !known {
				issued[dns] = clients.Client(t, authority.Wanted{DNS: []string{dns}}).TLS(t)
			}
			config.Certificates = []tls.Certificate{issued[dns]}
		}
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
		defer client.CloseIdleConnections()
		request, err := http.NewRequestWithContext(t.Context(), method, server.URL+"/v1/"+path, strings.NewReader(body))
		is.NoErr(err)
		if token != "" {
			request.Header.Set("X-Vault-Token", token)
		}
		response, err := client.Do(request)
		is.NoErr(err)
		defer response.Body.Close()
		var answer struct {
			Auth struct {
				Token string `json:"client_token"`
			}
		}
		_ = json.NewDecoder(response.Body).Decode(&answer)
		return response.StatusCode, answer.Auth.Token
	}
	status, minted := send("lister.internal", "POST", "auth/cert/login", `{}`, "")
	is.Equal(status, 200)
	status, _ = send("", "GET", db, "", minted) // the token alone is enough
	is.Equal(status, 404)
	status, _ = send("", "POST", "auth/cert/login", `{}`, "")
	is.Equal(status, 400)
	status, _ = send("lister.internal", "POST", "auth/cert/login", `{"name":"admin"}`, "")
	is.Equal(status, 400)
	status, _ = send("lister.internal", "GET", db, "", "")
	is.Equal(status, 404)
	status, _ = send("", "GET", db, "", "")
	is.Equal(status, 403)
	status, _ = send("reader.internal", "GET", db, "", token("reader"))
	is.Equal(status, 404)
	status, _ = send("", "GET", db, "", token("reader")) // it needs both
	is.Equal(status, 403)
	status, _ = send("reader.internal", "POST", "auth/cert/login", `{}`, "")
	is.Equal(status, 400)
	// A log-in with both mints a token that needs the certificate too.
	const role = `{"role_id":"reader","secret_id":"reader-token-0123456789"}`
	status, _ = send("", "POST", "auth/approle/login", role, "")
	is.Equal(status, 400)
	status, minted = send("reader.internal", "POST", "auth/approle/login", role, "")
	is.Equal(status, 200)
	status, _ = send("", "GET", db, "", minted)
	is.Equal(status, 403)
	status, _ = send("lister.internal", "GET", db, "", minted)
	is.Equal(status, 403)
	status, _ = send("reader.internal", "GET", db, "", minted)
	is.Equal(status, 404)
}
