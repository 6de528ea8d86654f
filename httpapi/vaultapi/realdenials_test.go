package vaultapi_test

import (
	"encoding/json"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/vaultserver"
)

// denials is played with a token that may read and list secret/prod and nothing else. Both servers
// have secret/prod/db and secret/dev/db.
var denials = []exchange{
	{"read", "GET", "secret/data/prod/db", ""},
	{"read denied", "GET", "secret/data/dev/db", ""},
	{"read denied and never written", "GET", "secret/data/dev/none", ""},
	{"write denied", "POST", "secret/data/prod/db", `{"data":{"x":1}}`},
	{"write denied with cas", "POST", "secret/data/prod/db", `{"data":{"x":1},"options":{"cas":0}}`},
	{"patch denied", "PATCH", "secret/data/prod/db", `{"data":{"x":1}}`},
	{"delete denied", "DELETE", "secret/data/prod/db", ""},
	{"delete by number denied", "POST", "secret/delete/prod/db", `{"versions":[1]}`},
	{"undelete denied", "POST", "secret/undelete/prod/db", `{"versions":[1]}`},
	{"destroy denied", "POST", "secret/destroy/prod/db", `{"versions":[1]}`},
	{"metadata", "GET", "secret/metadata/prod/db", ""},
	{"metadata denied", "GET", "secret/metadata/dev/db", ""},
	{"write metadata denied", "POST", "secret/metadata/prod/db", `{"custom_metadata":{"a":"b"}}`},
	{"delete metadata denied", "DELETE", "secret/metadata/prod/db", ""},
	{"list", "LIST", "secret/metadata/prod/", ""},
	{"list denied", "LIST", "secret/metadata/dev/", ""},
	{"mount that is denied", "GET", "nope/data/a", ""},
	{"preflight of a mount that is denied", "GET", "sys/internal/ui/mounts/nope/a", ""},
	{"capabilities", "POST", "sys/capabilities-self", `{"paths":["secret/data/prod/db"]}`},
	{"capabilities denied", "POST", "sys/capabilities-self", `{"paths":["secret/data/dev/db"]}`},
	{"policies denied", "GET", "sys/policies/acl/x", ""},
}

// deniedDifferences are those whose answers differ.
var deniedDifferences = map[string]string{
	"preflight of a mount that is denied": "the text does not repeat the path",
	"policies denied":                     "there are no policies below sys/ for any token",
	"no role":                             "a 5xx would be repeated",
	"no password":                         "the text names the missing member",
}

// TestDenialsOfARealVault plays denials, and requests with wrong tokens and log-ins.
func TestDenialsOfARealVault(t *testing.T) {
	is := is.New(t)
	real := vaultserver.Dev(t, vaultserver.Binary(t))
	f := newFixture(t)
	policy := `path "secret/data/prod/*" {capabilities=["read"]} path "secret/metadata/prod/*" {capabilities=["read","list"]}`
	body, err := json.Marshal(map[string]string{"policy": policy})
	is.NoErr(err)
	real.Must(t, "POST", "sys/policies/acl/lister", string(body))
	var created struct {
		Auth struct {
			Token string `json:"client_token"`
		}
	}
	is.NoErr(json.Unmarshal([]byte(real.Must(t, "POST", "auth/token/create", `{"policies":["lister"]}`)), &created))
	changed := map[string]string{"ALLOW_lister": "secret/prod/@read+list"}
	f.setPolicy(changed)
	for _, path := range []string{"secret/data/prod/db", "secret/data/dev/db"} {
		real.Must(t, "POST", path, `{"data":{"x":1}}`)
		is.Equal(f.as("admin", "POST", path, `{"data":{"x":1}}`).status, 200)
	}
	c := comparison{t: t, theirs: &fixture{t: t, url: real.Address}, ours: f, listed: deniedDifferences, found: map[string]bool{}}
	for _, e := range denials {
		c.play(e, created.Auth.Token, token("lister"))
	}
	c.play(exchange{"wrong token", "GET", "secret/data/prod/db", ""}, "wrong", "wrong")
	c.play(exchange{"no token", "GET", "secret/data/prod/db", ""}, "", "")
	for _, method := range []string{"approle", "userpass"} {
		real.Must(t, "POST", "sys/auth/"+method, `{"type":"`+method+`"}`)
	}
	real.Must(t, "POST", "auth/userpass/users/lister", `{"password":"right"}`)
	for _, e := range []exchange{
		{"wrong role", "POST", "auth/approle/login", `{"role_id":"nobody","secret_id":"wrong"}`},
		{"no role", "POST", "auth/approle/login", `{}`},
		{"wrong password", "POST", "auth/userpass/login/lister", `{"password":"wrong"}`},
		{"wrong user", "POST", "auth/userpass/login/nobody", `{"password":"wrong"}`},
		{"no password", "POST", "auth/userpass/login/lister", `{}`},
	} {
		c.play(e, "", "")
	}
	c.finish()
}
