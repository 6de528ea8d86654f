package vaultapi_test

import (
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
)

const db = "newsbot/data/prod/db"

func TestAMapIsOneValue(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	is.Equal(f.as("admin", "POST", db, `{"data":{"user":"app","n":12345678901234567}}`).status, 200)
	r := f.as("lister", "GET", db, "")
	is.Equal(r.status, 200)
	is.Equal(r.member("data", "data", "user"), "app")
	is.Equal(r.member("data", "metadata", "version"), 1.0)
	is.Equal(r.member("lease_duration"), 30.0)
	is.Equal(r.member("renewable"), false)
	is.Equal(r.member("mount_type"), "kv")
	secret, err := f.vault.As("admin").Get(t.Context(), myvault.Address{Project: "newsbot", Path: "prod/db"})
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), `{"user":"app","n":12345678901234567}`)
	is.Equal(f.entries("lister"), []string{"read newsbot/prod/db ok"}) // one entry for a read
}

func TestCheckAndSet(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	put := func(body string) int { return f.as("admin", "PUT", db, body).status }
	is.Equal(put(`{"data":{"value":"a"},"options":{"cas":0}}`), 200)
	is.Equal(put(`{"data":{"value":"b"},"options":{"cas":0}}`), 400)
	is.Equal(put(`{"data":{"value":"b"},"options":{"cas":"1"}}`), 200)
	is.Equal(put(`{"data":{"value":"c"},"options":{"cas":1}}`), 400)
	is.Equal(f.as("admin", "DELETE", db, "").status, 204)
	is.Equal(put(`{"data":{"value":"c"},"options":{"cas":0}}`), 400) // a deleted secret has had versions
	is.Equal(put(`{"data":{"value":"c"},"options":{"cas":1}}`), 400)
	is.Equal(put(`{"data":{"value":"c"},"options":{"cas":2}}`), 200) // the number of the deleted version
	is.Equal(f.as("admin", "GET", db, "").member("data", "metadata", "version"), 3.0)
	is.Equal(put(`{"data":{"value":"c"},"options":{"cas":-1}}`), 400)
}

func TestADeletedVersionIs404WithItsMetadata(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	f.as("admin", "POST", db, `{"data":{"value":"a"}}`)
	is.Equal(f.as("admin", "DELETE", db, "").status, 204)
	r := f.as("lister", "GET", db, "")
	is.Equal(r.status, 404)
	is.Equal(r.member("data", "data"), nil)
	is.Equal(r.member("data", "metadata", "version"), 1.0)
	is.True(r.member("data", "metadata", "deletion_time") != "")
	is.Equal(f.as("lister", "GET", "newsbot/data/prod/never", "").body, "{\"errors\":[]}\n")
	is.Equal(f.as("admin", "POST", "newsbot/undelete/prod/db", `{"versions":["1"]}`).status, 204)
	is.Equal(f.as("lister", "GET", db, "").member("data", "data", "value"), "a")
	is.Equal(f.as("admin", "POST", "newsbot/destroy/prod/db", `{"versions":[1,99]}`).status, 204)
	is.Equal(f.as("lister", "GET", db, "").member("data", "metadata", "destroyed"), true)
}

func TestPatchMerges(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	is.Equal(f.as("admin", "PATCH", db, `{"data":{"a":1}}`).status, 404)
	f.as("admin", "POST", db, `{"data":{"a":{"x":1,"y":2},"b":1.0}}`)
	is.Equal(f.as("admin", "PATCH", db, `{"data":{"a":{"x":null},"c":[1]}}`).status, 200)
	secret, err := f.vault.As("admin").Get(t.Context(), myvault.Address{Project: "newsbot", Path: "prod/db"})
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), `{"a":{"y":2},"b":1.0,"c":[1]}`)
	is.Equal(f.as("admin", "PATCH", db, `{"data":{"a":1},"options":{"cas":1}}`).status, 400)
	is.Equal(f.as("writer", "PATCH", db, `{"data":{"a":1}}`).status, 403) // a patch reads
	is.Equal(f.as("admin", "PATCH", db, `{}`, "Content-Type: application/json").status, 415)
}

func TestMetadataWithoutVersions(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	const meta = "newsbot/metadata/prod/db"
	is.Equal(f.as("admin", "GET", meta, "").status, 404)
	is.Equal(f.as("admin", "PATCH", meta, `{"custom_metadata":{"a":"b"}}`).status, 404)
	is.Equal(f.as("writer", "POST", meta, `{"custom_metadata":{"managed-by":"eso","n":1}}`).status, 204)
	is.Equal(f.as("admin", "PATCH", meta, `{"custom_metadata":{"n":null,"c":"d"}}`).status, 204)
	r := f.as("lister", "GET", meta, "")
	is.Equal(r.member("data", "custom_metadata"), map[string]any{"managed-by": "eso", "c": "d"})
	is.Equal(r.member("data", "current_version"), 0.0)
	is.Equal(f.as("lister", "LIST", "newsbot/metadata/prod", "").member("data", "keys"), []any{"db"})
	f.as("admin", "POST", db, `{"data":{"value":"a"}}`)
	is.Equal(f.as("reader", "GET", db, "").member("data", "metadata", "custom_metadata", "c"), "d")
	is.Equal(f.as("admin", "DELETE", meta, "").status, 204)
	is.Equal(f.as("admin", "GET", meta, "").status, 404)
	is.Equal(f.as("admin", "GET", db, "").body, "{\"errors\":[]}\n") // as if it had never been
	is.Equal(f.as("admin", "LIST", "newsbot/metadata/", "").status, 404)
	is.Equal(f.as("admin", "POST", db, `{"data":{"value":"a"},"options":{"cas":0}}`).member("data", "version"), 2.0)
	is.Equal(f.as("admin", "GET", db, "").member("data", "metadata", "custom_metadata"), nil)
}

func TestListShowsChildren(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	for _, path := range []string{"prod/db", "prod/api/key", "prod/api/other", "dev/db"} {
		f.as("admin", "POST", "newsbot/data/"+path, `{"data":{"value":"a"}}`)
	}
	f.as("admin", "DELETE", "newsbot/data/prod/db", "")
	keys := func(service, method, path string) any {
		return f.as(service, method, "newsbot/metadata/"+path, "").member("data", "keys")
	}
	is.Equal(keys("admin", "LIST", ""), []any{"dev/", "prod/"})
	is.Equal(keys("admin", "LIST", "prod"), []any{"api/", "db"}) // a deleted secret is listed
	is.Equal(keys("admin", "GET", "prod/?list=true"), []any{"api/", "db"})
	is.Equal(keys("lister", "LIST", ""), []any{"prod/"})
	is.Equal(f.as("admin", "LIST", "newsbot/metadata/prod/db", "").status, 404)
	is.Equal(f.as("lister", "LIST", "newsbot/metadata/dev/", "").status, 403)
}
