package vaultapi_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
)

// TestRequestsNeedTheirRight: every request without it is 403, changes nothing and is recorded as
// denied.
func TestRequestsNeedTheirRight(t *testing.T) {
	denied := map[string][]string{ // by service: the requests that its rights do not cover
		"lister": {
			"POST newsbot/data/PATH", "PATCH newsbot/data/PATH", "DELETE newsbot/data/PATH", "POST newsbot/delete/PATH",
			"POST newsbot/undelete/PATH", "POST newsbot/destroy/PATH", "POST newsbot/metadata/PATH",
			"PATCH newsbot/metadata/PATH", "DELETE newsbot/metadata/PATH",
		},
		"reader": {
			"POST newsbot/data/PATH", "PATCH newsbot/data/PATH", "DELETE newsbot/data/PATH", "POST newsbot/delete/PATH",
			"POST newsbot/undelete/PATH", "POST newsbot/destroy/PATH", "POST newsbot/metadata/PATH",
			"PATCH newsbot/metadata/PATH", "DELETE newsbot/metadata/PATH", "GET newsbot/metadata/PATH", "LIST newsbot/metadata/PATH",
		},
		"writer": {
			"GET newsbot/data/PATH", "PATCH newsbot/data/PATH", "DELETE newsbot/data/PATH", "POST newsbot/delete/PATH",
			"POST newsbot/undelete/PATH", "POST newsbot/destroy/PATH", "DELETE newsbot/metadata/PATH",
			"GET newsbot/metadata/PATH", "GET newsbot/subkeys/PATH", "LIST newsbot/metadata/PATH",
		},
	}
	const body = `{"data":{"value":"changed"},"versions":[1],"custom_metadata":{"a":"changed"}}`
	for service, requests := range denied {
		for _, request := range requests {
			for _, path := range []string{"prod/there", "prod/none"} {
				t.Run(service+" "+strings.Replace(request, "PATH", path, 1), func(t *testing.T) {
					is := is.New(t)
					f, w := newWatched(t)
					is.Equal(f.as("admin", "POST", "newsbot/metadata/prod/there", `{"cas_required":true}`).status, 204)
					w.taken()
					method, pattern, _ := strings.Cut(request, " ")
					r := f.as(service, method, strings.Replace(pattern, "PATH", path, 1), body)
					is.Equal(r.status, 403)
					is.True(strings.Contains(r.body, "permission denied"))
					is.True(!strings.Contains(w.taken(), "apply")) // nothing was changed
					entries := f.entries(service)
					is.Equal(len(entries), 1)
					is.True(strings.HasSuffix(entries[0], " denied"))
				})
			}
		}
	}
}

// TestUnreachedProjectsAreRefused, also for paths that no engine has.
func TestUnreachedProjectsAreRefused(t *testing.T) {
	is := is.New(t)
	f, _ := newWatched(t)
	for _, path := range []string{"other/creds/x", "other/data/", "other", "other/config", ".kv/data/newsbot/prod/there", "o%20/data/x"} {
		is.Equal(f.as("lister", "GET", path, "").status, 403)
	}
	for _, reserved := range []string{"sys", "auth", "cubbyhole", "identity"} {
		is.Equal(f.as("admin", "GET", "sys/internal/ui/mounts/"+reserved+"/x", "").status, 403)
		is.Equal(f.as("admin", "POST", "sys/capabilities-self", `{"path":"`+reserved+`/data/x"}`).member("data", "capabilities"), []any{"deny"})
	}
}

// TestDenialsOfProjectsAreRecorded, also of paths that name no secret.
func TestDenialsOfProjectsAreRecorded(t *testing.T) {
	for _, c := range []struct{ method, path, entry string }{
		{"GET", "other/creds/x", "read other denied"},
		{"GET", "other/data/", "read other denied"},
		{"GET", "other/data/a//b", "read other denied"},
		{"POST", "other/data/a//b", "write other denied"},
		{"DELETE", "other/data/", "delete other denied"},
		{"LIST", "other/metadata/a//b", "list other denied"},
		{"LIST", "other/data/", "list other denied"},
		{"GET", "other", "read other denied"},
		{"GET", "other/config", "read other denied"},
		{"POST", "other/config", "write other denied"},
		{"GET", "o%20/data/x", "read  denied"},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			is := is.New(t)
			f, _ := newWatched(t)
			is.Equal(f.as("lister", c.method, c.path, `{"data":{"a":"b"}}`).status, 403)
			is.Equal(f.entries("lister"), []string{c.entry})
		})
	}
}

// TestUnknownRightsAreNoDenial: if the store cannot say whether a token still counts, no answer
// says that its holder may not do something.
func TestUnknownRightsAreNoDenial(t *testing.T) {
	for _, c := range []struct{ method, path, body string }{
		{"GET", "newsbot/config", ""},
		{"GET", "newsbot/creds/x", ""},
		{"GET", "newsbot/data/prod/none", ""},
		{"LIST", "newsbot/metadata/prod", ""},
		{"POST", "sys/capabilities-self", `{"path":"newsbot/data/prod/there"}`},
		{"POST", "newsbot/data/prod/none", `{"data":{"a":"b"},"options":{"cas":1}}`},
		{"PATCH", "newsbot/metadata/prod/none", `{"custom_metadata":{"a":"b"}}`},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			is := is.New(t)
			f, w := newWatched(t)
			login := f.as("", "POST", "auth/approle/login", `{"role_id":"admin","secret_id":"admin-token-0123456789"}`)
			bearer := "X-Vault-Token: " + login.member("auth", "client_token").(string)
			w.taken()
			f.do(c.method, c.path, c.body, bearer)
			reads := strings.Count(w.taken(), "get ")
			for failing := 1; failing <= reads; failing++ { // each read of the request fails once
				seen := 0
				w.failGet = func() error {
					if seen++; seen == failing {
						return myvault.ErrUnavailable
					}
					return nil
				}
				is.Equal(f.do(c.method, c.path, c.body, bearer).status, 503)
			}
			is.True(reads > 1)
		})
	}
}

// TestOneTokenIsSent: two, and the question about another one, are refused.
func TestOneTokenIsSent(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	is.Equal(f.do("GET", db, "", "Authorization: Bearer "+token("admin")).status, 404) // as a real Vault
	is.Equal(f.as("admin", "GET", db, "", "Authorization: Bearer "+token("admin")).status, 400)
	is.Equal(f.as("admin", "POST", "sys/capabilities", `{"token":"another","paths":["a"]}`).status, 403)
	is.Equal(f.as("admin", "POST", "sys/capabilities", `{"token":"`+token("admin")+`","paths":["a"]}`).status, 200)
}

// TestBodiesAreLimited: that of a stranger to 64 KiB, others to 1 MiB.
func TestBodiesAreLimited(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	large := `{"role_id":"admin","x":"` + strings.Repeat("x", 70_000) + `"}`
	is.Equal(f.as("", "POST", "auth/approle/login", large).status, 413)
	is.Equal(f.as("admin", "POST", db, `{"data":{"value":"`+strings.Repeat("x", 500_000)+`"}}`).status, 200)
	is.Equal(f.as("admin", "POST", db, `{"data":{"value":"`+strings.Repeat("x", 600_000)+`"}}`).status, 413)
	is.Equal(f.as("admin", "POST", db, `{"data":{"value":"`+strings.Repeat("x", 1_100_000)+`"}}`).status, 413)
	is.Equal(len(f.as("admin", "GET", db, "").member("data", "data", "value").(string)), 500_000)
}

// TestDeepMapsAreRefused: maps of more levels than can be read back, and patches whose levels would
// each be parsed with all below them.
func TestDeepMapsAreRefused(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	nested := func(levels int) string {
		return `{"data":` + strings.Repeat(`{"a":`, levels) + "1" + strings.Repeat("}", levels) + "}"
	}
	for _, levels := range []int{501, 9990, 20_000} {
		is.Equal(f.as("admin", "POST", db, nested(levels)).status, 400)
	}
	is.True(strings.Contains(f.as("admin", "POST", db, nested(501)).body, "more than 500 levels"))
	is.Equal(f.as("admin", "POST", db, nested(500)).status, 200)
	is.Equal(f.as("admin", "GET", db, "").status, 200)
	is.Equal(f.as("admin", "GET", "newsbot/subkeys/prod/db", "").status, 200)
	is.Equal(f.as("admin", "GET", "newsbot/subkeys/prod/db?depth=99", "").status, 200)
	r := f.as("admin", "PATCH", db, nested(17))
	is.Equal(r.status, 400)
	is.True(strings.Contains(r.body, "write the whole map"))
	is.Equal(f.as("admin", "PATCH", db, nested(16)).status, 200)
	is.Equal(f.as("admin", "PATCH", db, `{"data":{"b":`+strings.Repeat("[", 600)+strings.Repeat("]", 600)+`}}`).status, 400)
}

// meanwhile lets another caller do something before the next change of the store.
func (w *watched) meanwhile(do func()) {
	var done atomic.Bool // do changes something too
	w.fail = func() error {
		if !done.Swap(true) {
			do()
		}
		return nil
	}
}

// TestWritesThatRace: what another caller writes between the steps of a request is not lost.
func TestWritesThatRace(t *testing.T) {
	is := is.New(t)
	f, w := newWatched(t)
	admin, at := f.vault.As("admin"), myvault.Address{Project: "newsbot", Path: "prod/raced"}
	write := func() {
		_, err := admin.Put(t.Context(), at, myvault.Text("of another caller"))
		is.NoErr(err)
	}
	w.meanwhile(write)
	is.Equal(f.as("admin", "POST", "newsbot/data/prod/raced", `{"data":{"value":"a"},"options":{"cas":0}}`).status, 400)
	is.NoErr(admin.Delete(t.Context(), at))
	w.meanwhile(write)
	is.Equal(f.as("admin", "POST", "newsbot/data/prod/raced", `{"data":{"value":"a"},"options":{"cas":1}}`).status, 400)
	secret, err := admin.Get(t.Context(), at)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "of another caller")

	w.meanwhile(func() { f.as("admin", "PATCH", "newsbot/data/prod/raced", `{"data":{"b":"2"}}`) })
	is.Equal(f.as("admin", "PATCH", "newsbot/data/prod/raced", `{"data":{"c":"3"}}`).status, 200)
	is.Equal(f.as("admin", "GET", "newsbot/data/prod/raced", "").member("data", "data"),
		map[string]any{"value": "of another caller", "b": "2", "c": "3"})

	const meta = "newsbot/metadata/prod/raced"
	is.Equal(f.as("admin", "POST", meta, `{"custom_metadata":{"a":"1"}}`).status, 204)
	w.meanwhile(func() { f.as("admin", "PATCH", meta, `{"custom_metadata":{"b":"2"}}`) })
	is.Equal(f.as("admin", "PATCH", meta, `{"custom_metadata":{"c":"3"}}`).status, 204)
	is.Equal(f.as("admin", "GET", meta, "").member("data", "custom_metadata"), map[string]any{"a": "1", "b": "2", "c": "3"})
}
