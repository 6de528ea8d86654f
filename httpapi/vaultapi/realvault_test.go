package vaultapi_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/vaultserver"
)

// exchange is a request of the script. Its name is that of the difference, if it has one.
type exchange struct{ name, method, path, body string }

// script is played on a real Vault and on this server, in this order. Both have one empty engine
// at secret, and a token that may do everything.
var script = []exchange{
	{"never written", "GET", "secret/data/a", ""},
	{"metadata of never written", "GET", "secret/metadata/a", ""},
	{"subkeys of never written", "GET", "secret/subkeys/a", ""},
	{"list nothing", "LIST", "secret/metadata/", ""},
	{"delete never written", "DELETE", "secret/data/a", ""},
	{"patch never written", "PATCH", "secret/data/a", `{"data":{"x":1}}`},
	{"cas of never written", "POST", "secret/data/a", `{"data":{"x":1},"options":{"cas":1}}`},
	{"create with cas 0", "POST", "secret/data/a", `{"data":{"x":1},"options":{"cas":0}}`},
	{"read", "GET", "secret/data/a", ""},
	{"cas 0 of a live secret", "POST", "secret/data/a", `{"data":{"x":1},"options":{"cas":0}}`},
	{"write by PUT", "PUT", "secret/data/a", `{"data":{"x":2,"n":12345678901234567,"f":1.5,"t":true,"z":null,"l":[1,"a"]}}`},
	{"read every type", "GET", "secret/data/a", ""},
	{"cas as text", "POST", "secret/data/a", `{"data":{"x":"3"},"options":{"cas":"2"}}`},
	{"wrong cas", "POST", "secret/data/a", `{"data":{"x":"3"},"options":{"cas":1}}`},
	{"old version", "GET", "secret/data/a?version=1", ""},
	{"version 0", "GET", "secret/data/a?version=0", ""},
	{"version that is not there", "GET", "secret/data/a?version=9", ""},
	{"version that is no number", "GET", "secret/data/a?version=x", ""},
	{"no data", "POST", "secret/data/a", `{}`},
	{"data that is no map", "POST", "secret/data/a", `{"data":"x"}`},
	{"empty map", "POST", "secret/data/empty", `{"data":{}}`},
	{"read empty map", "GET", "secret/data/empty", ""},
	{"broken JSON", "POST", "secret/data/a", `{`},
	{"empty body", "POST", "secret/data/a", ""},
	{"patch", "PATCH", "secret/data/a", `{"data":{"x":null,"y":{"z":1}}}`},
	{"read patched", "GET", "secret/data/a", ""},
	{"patch with wrong cas", "PATCH", "secret/data/a", `{"data":{"x":1},"options":{"cas":1}}`},
	{"patch with right cas", "PATCH", "secret/data/a", `{"data":{"x":1},"options":{"cas":4}}`},
	{"subkeys", "GET", "secret/subkeys/a", ""},
	{"subkeys to a depth", "GET", "secret/subkeys/a?depth=1", ""},
	{"metadata", "GET", "secret/metadata/a", ""},
	{"delete", "DELETE", "secret/data/a", ""},
	{"read deleted", "GET", "secret/data/a", ""},
	{"read older than deleted", "GET", "secret/data/a?version=1", ""},
	{"subkeys of deleted", "GET", "secret/subkeys/a", ""},
	{"metadata of deleted", "GET", "secret/metadata/a", ""},
	{"patch deleted", "PATCH", "secret/data/a", `{"data":{"x":1}}`},
	{"delete deleted", "DELETE", "secret/data/a", ""},
	{"list deleted", "LIST", "secret/metadata", ""},
	{"cas 0 of deleted", "POST", "secret/data/a", `{"data":{"x":1},"options":{"cas":0}}`},
	{"undelete", "POST", "secret/undelete/a", `{"versions":[5]}`},
	{"read undeleted", "GET", "secret/data/a", ""},
	{"undelete live", "POST", "secret/undelete/a", `{"versions":[5]}`},
	{"undelete older live", "POST", "secret/undelete/a", `{"versions":[1]}`},
	{"delete newest by number", "POST", "secret/delete/a", `{"versions":["5"]}`},
	{"cas of deleted", "POST", "secret/data/a", `{"data":{"x":6},"options":{"cas":5}}`},
	{"delete older by number", "POST", "secret/delete/a", `{"versions":[3]}`},
	{"read older deleted", "GET", "secret/data/a?version=3", ""},
	{"undelete older", "POST", "secret/undelete/a", `{"versions":[3]}`},
	{"delete no number", "POST", "secret/delete/a", `{}`},
	{"undelete no number", "POST", "secret/undelete/a", `{}`},
	{"destroy no number", "POST", "secret/destroy/a", `{}`},
	{"delete never written by number", "POST", "secret/delete/none", `{"versions":[1]}`},
	{"undelete never written", "POST", "secret/undelete/none", `{"versions":[1]}`},
	{"destroy never written", "POST", "secret/destroy/none", `{"versions":[1]}`},
	{"destroy older", "POST", "secret/destroy/a", `{"versions":[2,99]}`},
	{"read destroyed", "GET", "secret/data/a?version=2", ""},
	{"destroy newest", "PUT", "secret/destroy/a", `{"versions":["6"]}`},
	{"read destroyed newest", "GET", "secret/data/a", ""},
	{"read older than destroyed", "GET", "secret/data/a?version=3", ""},
	{"write after destroy", "POST", "secret/data/a", `{"data":{"x":7}}`},
	{"folders", "POST", "secret/data/f/g/h", `{"data":{"x":1}}`},
	{"folder and secret of one name", "POST", "secret/data/f", `{"data":{"x":1}}`},
	{"list", "LIST", "secret/metadata/", ""},
	{"list by GET", "GET", "secret/metadata/?list=true", ""},
	{"list folder", "LIST", "secret/metadata/f", ""},
	{"list secret", "LIST", "secret/metadata/a", ""},
	{"metadata before versions", "POST", "secret/metadata/m", `{"custom_metadata":{"a":"b"},"cas_required":true}`},
	{"read metadata without versions", "GET", "secret/metadata/m", ""},
	{"read data without versions", "GET", "secret/data/m", ""},
	{"list metadata without versions", "LIST", "secret/metadata/", ""},
	{"write without required cas", "POST", "secret/data/m", `{"data":{"x":1}}`},
	{"write with required cas", "POST", "secret/data/m", `{"data":{"x":1},"options":{"cas":0}}`},
	{"read custom metadata", "GET", "secret/data/m", ""},
	{"patch metadata", "PATCH", "secret/metadata/m", `{"custom_metadata":{"c":"d","a":null}}`},
	{"read patched metadata", "GET", "secret/metadata/m", ""},
	{"patch metadata of never written", "PATCH", "secret/metadata/none", `{"custom_metadata":{"c":"d"}}`},
	{"max_versions", "POST", "secret/metadata/m", `{"max_versions":5}`},
	{"delete_version_after", "POST", "secret/metadata/m", `{"delete_version_after":"1h"}`},
	{"delete metadata", "DELETE", "secret/metadata/m", ""},
	{"read after metadata is deleted", "GET", "secret/data/m", ""},
	{"metadata after it is deleted", "GET", "secret/metadata/m", ""},
	{"list after metadata is deleted", "LIST", "secret/metadata/", ""},
	{"write after metadata is deleted", "POST", "secret/data/m", `{"data":{"x":1},"options":{"cas":0}}`},
	{"delete metadata of never written", "DELETE", "secret/metadata/none", ""},
	{"null data", "POST", "secret/data/null", `{"data":null}`},
	{"config", "GET", "secret/config", ""},
	{"write config", "POST", "secret/config", `{"max_versions":5}`},
	{"data without a path", "GET", "secret/data", ""},
	{"data with an empty path", "GET", "secret/data/", ""},
	{"path that ends with a slash", "GET", "secret/data/a/", ""},
	{"list of data", "LIST", "secret/data/a", ""},
	{"path of another engine", "GET", "secret/creds/a", ""},
	{"read of delete", "GET", "secret/delete/a", ""},
	{"write of subkeys", "POST", "secret/subkeys/a", "{}"},
	{"mount that is not there", "GET", "nope/data/a", ""},
	{"preflight", "GET", "sys/internal/ui/mounts/secret/a", ""},
	{"mounts", "GET", "sys/mounts", ""},
	{"health", "GET", "sys/health", ""},
	{"seal status", "GET", "sys/seal-status", ""},
	{"leader", "GET", "sys/leader", ""},
	{"init", "GET", "sys/init", ""},
	{"capabilities", "POST", "sys/capabilities-self", `{"paths":["secret/data/a"]}`},
	{"lookup self", "GET", "auth/token/lookup-self", ""},
	{"renew self", "PUT", "auth/token/renew-self", ""},
}

// ignored are members that differ in every answer.
var ignored = map[string]string{
	"request_id":      "this server uses the X-Request-Id of its log and trail",
	"lease_duration":  "a real Vault answers 0, after which Vault Agent waits five minutes",
	"created_by":      "the service that wrote a version is in GET /api/versions",
	"deleted_by":      "the service that deleted a version is in the trail",
	"last_updated_by": "the service that wrote last is in GET /api/versions",
}

// differences are all requests whose answers differ otherwise.
var differences = map[string]string{
	"broken JSON":               "a 5xx would be repeated; the text is this server's",
	"data that is no map":       "the text is this server's; the status is the same",
	"version that is no number": "the text is this server's; the status is the same",
	"null data":                 "a map that is null cannot be told from no map",

	"read older than deleted":   "while the newest version is deleted, no version of a secret can be read",
	"read older than destroyed": "while the newest version is destroyed, no version of a secret can be read",
	"delete older by number":    "only the newest version can be deleted",
	"read older deleted":        "the older version was not deleted before",

	"write after metadata is deleted": "numbers of versions are never reused",
	"max_versions":                    "stored, with a warning that versions are kept until they are destroyed",
	"delete_version_after":            "refused: versions are kept until they are destroyed",
	"config":                          "all versions are kept; max_versions is the largest number",
	"write config":                    "refused: mounts have no settings",

	"mount that is not there": "a project is a mount before its first secret",
	"preflight":               "a mount has fewer members; type, options and path are the same",
	"mounts":                  "projects only: there are no other engines",
	"health":                  "its own version and cluster name, and no members about replication",
	"seal status":             "its own version, cluster name and storage type",
	"capabilities":            "there is no root; the capabilities are those of the policy",
	"lookup self":             "a shared token has no accessor and no times; its policy is the service",
}

func TestAnswersOfARealVault(t *testing.T) {
	is := is.New(t)
	real := vaultserver.Dev(t, vaultserver.Binary(t))
	f := newFixture(t)
	c := comparison{t: t, theirs: &fixture{t: t, url: real.Address}, ours: f, listed: differences, found: map[string]bool{}}
	for _, e := range script {
		c.play(e, real.Token, token("admin"))
	}
	c.finish()
	names := map[string]bool{}
	for _, e := range script {
		names[e.name] = true
	}
	is.Equal(len(names), len(script)) // no name is used twice
	t.Logf("%d requests, %d differences", len(script), len(differences))
}

// comparison plays requests on a real Vault and on this server. The answers are the same, unless
// the name of the request is listed.
type comparison struct {
	t            *testing.T
	theirs, ours *fixture
	listed       map[string]string
	found        map[string]bool
}

// play sends e to both, each with its token.
func (c *comparison) play(e exchange, theirs, ours string) {
	c.t.Helper()
	a := c.theirs.do(e.method, e.path, e.body, "X-Vault-Token: "+theirs)
	b := c.ours.do(e.method, e.path, e.body, "X-Vault-Token: "+ours)
	if a.status == b.status && comparable(a.body) == comparable(b.body) {
		return
	}
	c.found[e.name] = true
	if c.listed[e.name] == "" {
		c.t.Errorf("%s is not listed as different:\n Vault: %d %s\n  here: %d %s", e.name,
			a.status, comparable(a.body), b.status, comparable(b.body))
	}
}

// finish checks that every listed difference was found.
func (c *comparison) finish() {
	c.t.Helper()
	for name := range c.listed {
		if !c.found[name] {
			c.t.Errorf("%s: the answers are the same; remove it from the list", name)
		}
	}
}

// comparable returns a body without members that are ignored, and with times made equal.
func comparable(body string) string {
	var v any
	if json.Unmarshal([]byte(body), &v) != nil {
		return strings.TrimSpace(body)
	}
	text, _ := json.Marshal(simplify("", v))
	return string(text)
}

func simplify(name string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for member, value := range v {
			if _, drop := ignored[member]; drop {
				delete(v, member)
				continue
			}
			v[member] = simplify(member, value)
		}
	case []any:
		for i := range v {
			v[i] = simplify("", v[i])
		}
	case string:
		if strings.HasSuffix(name, "_time") && v != "" {
			return "a time"
		}
	}
	return v
}
