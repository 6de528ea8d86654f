package server_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/crypto"
)

// withNewKey replaces the published master key of an example.
func withNewKey(t *testing.T, env []byte) []byte {
	t.Helper()
	before, _, found := bytes.Cut(env, []byte("\nMSA_MASTER_KEY=base64:"))
	if !found {
		t.Fatal("the example has no key")
	}
	return append(before, "\nMSA_MASTER_KEY="+crypto.NewKey().Text()+"\n"...)
}

// TestSeedEnvServesTheNineRoutes sends requests to the nine routes that the project started with.
func TestSeedEnvServesTheNineRoutes(t *testing.T) {
	dir := t.TempDir()
	// The example of the document that the project started with, unchanged except for the key.
	seed, err := os.ReadFile(filepath.Join(root, "testdata", "seed.env"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, ".env"), withNewKey(t, seed), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, dir)
	scheduler, queue := caller{"myscheduler", "msched-xxxx"}, caller{"jobqueue", "jq-xxxx"}
	rag, ui := caller{"graphAiServer", "gas-xxxx"}, caller{"commonUI", "ui-xxxx"}
	wrong, anonymous := caller{"jobqueue", "ui-xxxx"}, caller{}
	const secret = "/api/secrets/newsbot/prod/db/password"
	for _, c := range []struct {
		who          caller
		method, path string
		body         string
		status       int
		want         string // part of the body
	}{
		{anonymous, "GET", "/health", "", 200, `{"status":"healthy","service":"myVault"}`},
		{anonymous, "GET", "/api/projects", "", 401, "detail"},
		{wrong, "GET", "/api/projects", "", 401, "detail"},
		{queue, "GET", "/api/projects", "", 200, `[]`},
		{queue, "POST", "/api/projects", `{"name":"newsbot","description":"the news"}`, 201, `"name":"newsbot"`},
		{queue, "POST", "/api/projects", `{"name":"newsbot"}`, 409, "detail"},
		{rag, "POST", "/api/projects", `{"name":"billing"}`, 403, "detail"},
		{queue, "GET", "/api/projects", "", 200, `"is_default":false`},
		{rag, "GET", "/api/projects", "", 200, `[]`},
		{queue, "POST", "/api/secrets", `{"project":"newsbot","path":"prod/db/password","value":"hunter2"}`, 201, `"version":1`},
		{queue, "POST", "/api/secrets", `{"project":"newsbot","path":"prod/db/password","value":"hunter2"}`, 409, "detail"},
		{queue, "POST", "/api/secrets", `{"project":"common","path":"prod/smtp","value":"x"}`, 403, "detail"},
		{scheduler, "POST", "/api/secrets", `{"project":"common","path":"prod/smtp","value":"x"}`, 201, `"updated_by":"myscheduler"`},
		{queue, "GET", "/api/secrets?project=newsbot&prefix=prod/", "", 200, `"path":"prod/db/password"`},
		{rag, "GET", "/api/secrets?project=newsbot&prefix=prod/", "", 200, `[]`},
		{queue, "GET", secret, "", 200, `"value":"hunter2"`},
		{ui, "GET", secret, "", 200, `"value":"hunter2"`},
		{rag, "GET", secret, "", 403, "detail"},
		{rag, "GET", "/api/secrets/newsbot/prod/none", "", 403, "detail"},
		{queue, "GET", "/api/secrets/newsbot/prod/none", "", 404, "detail"},
		{queue, "GET", "/api/secrets/newsbot/production/x", "", 403, "detail"},
		{queue, "PATCH", secret, `{"value":"hunter3"}`, 200, `"version":2`},
		{queue, "PATCH", "/api/secrets/newsbot/prod/none", `{"value":"x"}`, 404, "detail"},
		{rag, "PATCH", secret, `{"value":"x"}`, 403, "detail"},
		{rag, "DELETE", secret, "", 403, "detail"},
		{queue, "DELETE", "/api/secrets/newsbot/prod/none", "", 404, "detail"},
		{queue, "DELETE", secret, "", 204, ""},
		{queue, "GET", secret, "", 404, "detail"},
		{queue, "POST", "/api/secrets", `{"project":"newsbot","path":"prod/db/password","value":"hunter4"}`, 201, `"version":3`},
		{queue, "POST", "/api/secrets/test", "", 200, `Authentication successful for service 'jobqueue'`},
		{wrong, "POST", "/api/secrets/test", "", 401, "detail"},
	} {
		t.Run(c.who.service+" "+c.method+" "+c.path, func(t *testing.T) {
			is := is.New(t)
			a := p.must(t, c.who, c.method, c.path, c.body)
			is.Equal(a.status, c.status)
			if !strings.Contains(a.body, c.want) {
				t.Errorf("want %q in %s", c.want, a.body)
			}
			is.Equal(a.header.Get("Cache-Control"), "no-store")
		})
	}
}
