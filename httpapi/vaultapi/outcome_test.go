package vaultapi_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
)

// TestAnUnknownOutcomeIsNo5xx: clients repeat a 5xx, and would write twice.
func TestAnUnknownOutcomeIsNo5xx(t *testing.T) {
	for _, c := range []struct {
		about  string
		fail   func() error
		status int
	}{
		{"unknown", func() error { return myvault.ErrUnknownOutcome }, 409},
		{"panic", func() error { panic("hidden") }, 409},
		{"an error without a kind", func() error { return errors.New("the disk is broken") }, 409},
		{"nothing was changed", func() error { return myvault.ErrUnavailable }, 503},
	} {
		for _, verb := range []struct{ method, path, body string }{
			{"POST", "newsbot/data/prod/there", `{"data":{"value":"a"}}`},
			{"POST", "newsbot/data/prod/there", `{"data":{"value":"a"},"options":{"cas":1}}`},
			{"PATCH", "newsbot/data/prod/there", `{"data":{"value":"a"}}`},
			{"DELETE", "newsbot/data/prod/there", ""},
			{"POST", "newsbot/destroy/prod/there", `{"versions":[1]}`},
			{"POST", "newsbot/metadata/prod/there", `{"cas_required":true}`},
			{"DELETE", "newsbot/metadata/prod/there", ""},
			{"POST", "auth/approle/login", `{"role_id":"admin","secret_id":"admin-token-0123456789"}`},
		} {
			t.Run(c.about+" "+verb.method+" "+verb.path, func(t *testing.T) {
				is := is.New(t)
				f, w := newWatched(t)
				w.fail = c.fail
				r := f.as("admin", verb.method, verb.path, verb.body)
				is.Equal(r.status, c.status)
				is.True(!strings.Contains(r.body, "hidden"))
				is.True(strings.Contains(f.logs.String(), `"level":"ERROR"`)) // the operator sees it
				is.True(!strings.Contains(f.logs.String(), `"hidden"`))       // neither in the log
			})
		}
	}
}

// TestAFailureAfterADestroyIsUnknown: 503 would say that nothing was changed.
func TestAFailureAfterADestroyIsUnknown(t *testing.T) {
	is := is.New(t)
	f, w := newWatched(t)
	calls := 0
	w.fail = func() error {
		if calls++; calls > 1 {
			return myvault.ErrUnavailable
		}
		return nil
	}
	r := f.as("admin", "DELETE", "newsbot/metadata/prod/there", "")
	is.Equal(r.status, 409)
	is.True(calls > 1)
}

// TestReadBesideTheFirstWrite: a secret that is written just after the read is not shown without
// its value.
func TestReadBesideTheFirstWrite(t *testing.T) {
	is := is.New(t)
	f, w := newWatched(t)
	w.missed = func() {
		w.missed = nil
		is.Equal(f.as("admin", "POST", "newsbot/data/prod/new", `{"data":{"value":"a"}}`).status, 200)
	}
	r := f.as("admin", "GET", "newsbot/data/prod/new", "")
	is.Equal(r.status, 404)
	is.Equal(strings.TrimSpace(r.body), `{"errors":[]}`)
}

// TestMetadataOfTheLongestPath: there is no record of it, but its versions are destroyed.
func TestMetadataOfTheLongestPath(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	const path = "1/2/3/4/5/6/7/8"
	is.Equal(f.as("admin", "POST", "newsbot/data/"+path, `{"data":{"value":"a"}}`).status, 200)
	is.Equal(f.as("admin", "DELETE", "newsbot/metadata/"+path, "").status, 204)
	is.Equal(f.as("admin", "GET", "newsbot/data/"+path, "").status, 404)
}

// TestALeaseEndsAtTheRotation: it is the setting, or the time until a second after the rotation.
// The expiry is no deletion.
func TestALeaseEndsAtTheRotation(t *testing.T) {
	for _, c := range []struct {
		about           string
		rotate, expires time.Duration
		least, most     float64
	}{
		{"no times", 0, 0, 30, 30},
		{"soon", 10 * time.Second, 0, 2, 11},
		{"late", time.Hour, 0, 30, 30},
		{"overdue", -time.Hour, 0, 30, 30},
		{"expires", 0, time.Hour, 30, 30},
	} {
		t.Run(c.about, func(t *testing.T) {
			is := is.New(t)
			f := newFixture(t)
			n := myvault.NewVersion{Value: myvault.Text("a")}
			if c.rotate != 0 {
				n.RotateAfter = time.Now().Add(c.rotate)
			}
			if c.expires != 0 {
				n.Expires = time.Now().Add(c.expires)
			}
			_, err := f.vault.As("admin").PutVersion(t.Context(), myvault.Address{Project: "newsbot", Path: "prod/db"}, n)
			is.NoErr(err)
			r := f.as("admin", "GET", db, "")
			lease := r.member("lease_duration").(float64)
			is.True(lease >= c.least && lease <= c.most)
			is.Equal(r.member("renewable"), false)
			is.Equal(r.member("data", "metadata", "deletion_time"), "")
		})
	}
}

// TestRefusalsSayWhy: unsupported requests are refused with the reason, before anything is done.
func TestRefusalsSayWhy(t *testing.T) {
	for _, c := range []struct {
		method, path, body, header string
		status                     int
		reason                     string
	}{
		{"GET", db, "", "X-Vault-Wrap-TTL: 60s", 400, "response wrapping is not supported"},
		{"POST", db, `{"data":{"a":"b"}}`, "X-Vault-Namespace: team", 400, "namespaces are not supported"},
		{"GET", db, "", "X-Vault-Namespace: root", 404, ""},
		{"POST", "sys/mounts/x", `{"type":"kv"}`, "", 405, "configured in myVault's settings"},
		{"PUT", "sys/policies/acl/x", `{}`, "", 405, "configured in myVault's settings"},
		{"PUT", "sys/leases/renew", `{}`, "", 405, "configured in myVault's settings"},
		{"POST", "auth/token/create", `{}`, "", 405, "configured in myVault's settings"},
		{"POST", "auth/kubernetes/login", `{"role":"a","jwt":"b"}`, "", 400, "by approle, userpass or cert"},
		{"GET", "cubbyhole/x", "", "", 404, "KV version 2 engines only"},
		{"GET", "newsbot/creds/x", "", "", 404, "Invalid path for a versioned K/V secrets engine"},
		{"POST", "newsbot/config", `{"max_versions":5}`, "", 405, "have no settings"},
		{"GET", "newsbot/data/a//b", "", "", 404, "invalid path"},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			is := is.New(t)
			f := newFixture(t)
			headers := []string{}
			if c.header != "" {
				headers = append(headers, c.header)
			}
			r := f.as("admin", c.method, c.path, c.body, headers...)
			is.Equal(r.status, c.status)
			is.True(strings.Contains(r.body, c.reason))
		})
	}
}

// TestOneRequestIsOneLineInOneLog: with its ID, and without the path, the token and the value.
func TestOneRequestIsOneLineInOneLog(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	r := f.as("admin", "POST", db, `{"data":{"value":"hunter2"}}`, "X-Request-Id: req-1")
	is.Equal(r.header.Get("X-Request-Id"), "req-1")
	is.Equal(r.member("request_id"), "req-1")
	logged := f.logs.String()
	is.Equal(strings.Count(logged, "\n"), 1)
	is.True(strings.Contains(logged, `"route":"/v1/{project}/data/{path...}","status":200,"id":"req-1"`))
	for _, secret := range []string{"hunter2", "prod", settings["TOKEN_admin"]} {
		is.True(!strings.Contains(logged, secret))
	}
	response, err := http.Get(f.url + "/health")
	is.NoErr(err)
	is.NoErr(response.Body.Close())
	is.Equal(response.StatusCode, 200)
	is.Equal(strings.Count(f.logs.String(), "\n"), 2) // by the other handler
}

// TestTheGuardIsShared: other hosts and pages of other sites are refused.
func TestTheGuardIsShared(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	is.Equal(f.as("admin", "GET", "sys/health", "", "Origin: https://evil.example").status, 403)
	r, err := http.NewRequestWithContext(t.Context(), "GET", f.url+"/v1/sys/health", nil)
	is.NoErr(err)
	r.Host = "evil.example"
	response, err := http.DefaultClient.Do(r)
	is.NoErr(err)
	is.NoErr(response.Body.Close())
	is.Equal(response.StatusCode, http.StatusMisdirectedRequest)
}

// TestTokensOfLogIns: they have the rights of the service, describe themselves and end.
func TestTokensOfLogIns(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	r := f.as("", "PUT", "auth/userpass/login/lister", `{"password":"lister-token-0123456789"}`)
	is.Equal(r.status, 200)
	is.Equal(r.member("auth", "renewable"), false)
	is.Equal(r.member("auth", "lease_duration"), 3600.0)
	bearer := "X-Vault-Token: " + r.member("auth", "client_token").(string)
	is.Equal(f.do("GET", "sys/internal/ui/mounts/newsbot/prod/db", "", bearer).member("data", "path"), "newsbot/")
	is.Equal(f.do("GET", "sys/internal/ui/mounts/other/prod/db", "", bearer).status, 403)
	is.Equal(f.do("GET", db, "", bearer).status, 404)
	is.Equal(f.do("POST", db, `{"data":{"value":"a"}}`, bearer).status, 403)
	is.True(f.do("GET", "auth/token/lookup-self", "", bearer).member("data", "ttl").(float64) > 3500)
	is.Equal(f.do("PUT", "auth/token/lookup", `{"token":"another"}`, bearer).status, 403)
	is.Equal(f.do("PUT", "auth/token/renew-self", "", bearer).status, 400)
	is.Equal(f.do("PUT", "auth/token/revoke-self", "", bearer).status, 204)
	is.Equal(f.do("GET", db, "", bearer).status, 403)
	is.Equal(f.as("lister", "PUT", "auth/token/revoke-self", "").status, 204) // a shared token stays
	is.Equal(f.as("lister", "GET", "auth/token/lookup-self", "").status, 200)
	is.Equal(f.as("", "POST", "auth/cert/login", `{}`).status, 400)
}
