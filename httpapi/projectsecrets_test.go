package httpapi_test

import (
	"encoding/base64"
	"errors"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/generate"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/providers/memory"
)

// withProjectSecrets serves a vault that makes two keys in each new project.
func withProjectSecrets(t *testing.T) *fixture {
	t.Helper()
	if !manyChanges {
		t.Skip("needs several changes at once")
	}
	secrets := map[string]myvault.Generator{}
	for path, text := range map[string]string{"GOOGLE_CREDS_ENCRYPTION_KEY": "bytes:32:base64url", "prod/pin": "text:40:hex"} {
		g, err := generate.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		secrets[path] = g
	}
	return serveOn(t, newStore(t), httpapi.Config{ProjectSecrets: secrets})
}

// TestANewProjectHasItsSecrets, each with a different value, and on record in the name of the
// caller.
func TestANewProjectHasItsSecrets(t *testing.T) {
	is := is.New(t)
	f := withProjectSecrets(t)
	seen := map[string]bool{}
	for _, name := range []string{"rag", "news"} {
		r := f.as("admin", "POST", "/api/projects", `{"name":"`+name+`","description":"d"}`)
		is.Equal(r.status, 201)
		registered := f.as("admin", "GET", "/api/projects/"+name, "")
		is.Equal(r.object(t), registered.object(t))
		key := f.as("admin", "GET", "/api/secrets/"+name+"/GOOGLE_CREDS_ENCRYPTION_KEY", "").object(t)
		is.Equal(key["updated_by"], "admin")
		text := key["value"].(string)
		is.Equal(len(text), 44)
		raw, err := base64.URLEncoding.DecodeString(text)
		is.NoErr(err)
		is.Equal(len(raw), 32)
		is.True(!seen[text])
		seen[text] = true
		is.Equal(f.as("admin", "GET", "/api/secrets/"+name+"/prod/pin", "").status, 200)
		is.Equal(len(f.as("admin", "GET", "/api/audit?project="+name+"&action=generate", "").array(t)), 2)
		is.Equal(len(f.as("admin", "GET", "/api/audit?project="+name+"&action=project-write", "").array(t)), 1)
	}
}

// TestAProjectComesWithItsSecretsOrNotAtAll: one who may not write them registers nothing,
// a second registration makes no second version, and a project that comes back gets new
// values.
func TestAProjectComesWithItsSecretsOrNotAtAll(t *testing.T) {
	is := is.New(t)
	f := withProjectSecrets(t)
	is.Equal(f.as("writer", "POST", "/api/projects", `{"name":"newsbot"}`).status, 403) // it may write below prod/ alone
	is.Equal(f.as("admin", "GET", "/api/projects/newsbot", "").status, 404)
	is.Equal(len(f.as("admin", "GET", "/api/secrets?project=newsbot", "").array(t)), 0)
	is.Equal(f.as("admin", "POST", "/api/projects", `{"name":"newsbot"}`).status, 201)
	is.Equal(f.as("admin", "POST", "/api/projects", `{"name":"newsbot"}`).status, 409)
	is.Equal(f.as("admin", "PATCH", "/api/projects/newsbot", `{"description":"d"}`).status, 200)
	at := "/api/secrets/newsbot/GOOGLE_CREDS_ENCRYPTION_KEY"
	first := f.as("admin", "GET", at, "").object(t)
	is.Equal(first["version"], float64(1))
	is.Equal(f.as("admin", "DELETE", "/api/projects/newsbot", "").status, 400) // it has live secrets
	is.Equal(f.as("admin", "DELETE", at, "").status, 204)
	is.Equal(f.as("admin", "DELETE", "/api/secrets/newsbot/prod/pin", "").status, 204)
	is.Equal(f.as("admin", "DELETE", "/api/projects/newsbot", "").status, 204)
	is.Equal(f.as("admin", "POST", "/api/projects", `{"name":"newsbot"}`).status, 201)
	again := f.as("admin", "GET", at, "").object(t)
	is.Equal(again["version"], float64(2))
	is.True(again["value"] != first["value"])
}

func TestProjectSecretsThatAreRefused(t *testing.T) {
	is := is.New(t)
	policy, err := myvault.ParsePolicy(settings)
	is.NoErr(err)
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	is.NoErr(err)
	defer vault.Close()
	g, err := generate.Bytes(32)
	is.NoErr(err)
	for _, secrets := range []map[string]myvault.Generator{{"": g}, {"../x": g}, {"prod/key": nil}} {
		_, err := httpapi.New(vault, httpapi.Config{ProjectSecrets: secrets})
		is.True(errors.Is(err, myvault.ErrInvalid))
	}
}
