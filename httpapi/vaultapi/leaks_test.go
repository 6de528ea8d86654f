package vaultapi_test

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
)

// watched is a store that counts its calls about secrets, and may fail changes.
type watched struct {
	*memory.Provider
	mu    sync.Mutex
	calls []string
	fail  func() error
	// failGet may fail reads.
	failGet func() error
	// missed is called after a Get that failed.
	missed func()
}

func (w *watched) note(call string, addr myvault.Address) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, call+" "+addr.String())
}

// taken returns the calls since the last time.
func (w *watched) taken() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := strings.Join(w.calls, "\n")
	w.calls = nil
	return calls
}

func (w *watched) Get(ctx context.Context, addr myvault.Address, v myvault.Version) (myvault.Secret, error) {
	w.note("get", addr)
	if w.failGet != nil {
		if err := w.failGet(); err != nil {
			return myvault.Secret{}, err
		}
	}
	secret, err := w.Provider.Get(ctx, addr, v)
	if err != nil && w.missed != nil {
		w.missed()
	}
	return secret, err
}

func (w *watched) Versions(ctx context.Context, addr myvault.Address, before myvault.Version) iter.Seq2[myvault.Info, error] {
	w.note("versions", addr)
	return w.Provider.Versions(ctx, addr, before)
}

func (w *watched) List(ctx context.Context, r myvault.ListOptions) iter.Seq2[myvault.Info, error] {
	w.note("list", myvault.Address(r.Prefix))
	return w.Provider.List(ctx, r)
}

func (w *watched) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	w.note("apply", c.Changes[0].Address)
	if w.fail != nil {
		if err := w.fail(); err != nil {
			return nil, err
		}
	}
	return w.Provider.Apply(ctx, c)
}

// newWatched returns a fixture over a watched store, with secrets of every kind.
func newWatched(t *testing.T) (*fixture, *watched) {
	t.Helper()
	w := &watched{Provider: memory.New(memory.Config{})}
	f := serveOn(t, w)
	for _, path := range []string{"other/data/prod/there", "newsbot/data/prod/there", "newsbot/data/dev/there"} {
		if r := f.as("admin", "POST", path, `{"data":{"value":"hidden"}}`); r.status != 200 {
			t.Fatal(r)
		}
		meta := strings.Replace(path, "/data/", "/metadata/", 1)
		if r := f.as("admin", "POST", meta, `{"custom_metadata":{"a":"hidden"}}`); r.status != 204 {
			t.Fatal(r)
		}
	}
	w.taken()
	return f, w
}

// verbs are all requests about a secret. PROJECT and PATH are replaced.
var verbs = []struct{ method, path, body string }{
	{"GET", "PROJECT/data/PATH", ""},
	{"GET", "PROJECT/data/PATH?version=1", ""},
	{"POST", "PROJECT/data/PATH", `{"data":{"value":"a"}}`},
	{"POST", "PROJECT/data/PATH", `{"data":{"value":"a"},"options":{"cas":0}}`},
	{"POST", "PROJECT/data/PATH", `{"data":{"value":"a"},"options":{"cas":1}}`},
	{"PATCH", "PROJECT/data/PATH", `{"data":{"value":"a"}}`},
	{"DELETE", "PROJECT/data/PATH", ""},
	{"GET", "PROJECT/subkeys/PATH", ""},
	{"POST", "PROJECT/delete/PATH", `{"versions":[1]}`},
	{"POST", "PROJECT/undelete/PATH", `{"versions":[1]}`},
	{"POST", "PROJECT/destroy/PATH", `{"versions":[1]}`},
	{"GET", "PROJECT/metadata/PATH", ""},
	{"LIST", "PROJECT/metadata/PATH", ""},
	{"POST", "PROJECT/metadata/PATH", `{"custom_metadata":{"a":"b"}}`},
	{"PATCH", "PROJECT/metadata/PATH", `{"custom_metadata":{"a":"b"}}`},
	{"DELETE", "PROJECT/metadata/PATH", ""},
	{"GET", "sys/internal/ui/mounts/PROJECT/PATH", ""},
	{"GET", "PROJECT/config", ""},
	{"GET", "PROJECT/creds/PATH", ""},
	{"POST", "sys/capabilities-self", `{"paths":["PROJECT/data/PATH","PROJECT/metadata/PATH"]}`},
}

// variants are further requests about a secret.
var variants = []struct{ method, path, body string }{
	{"HEAD", "PROJECT/data/PATH", ""},
	{"GET", "PROJECT/data/PATH/", ""},
	{"GET", "PROJECT/data/PATH?version=99", ""},
	{"POST", "PROJECT/data/PATH", `{"data":"wrong"}`},
	{"POST", "PROJECT/data/PATH", `{"data":{"value":"a"},"options":{"cas":"wrong"}}`},
	{"PATCH", "PROJECT/data/PATH", `{"data":{"value":"a"},"options":{"cas":1}}`},
	{"GET", "PROJECT/subkeys/PATH?depth=1", ""},
	{"GET", "PROJECT/subkeys/PATH?version=1", ""},
	{"POST", "PROJECT/delete/PATH", `{"versions":[99]}`},
	{"POST", "PROJECT/undelete/PATH", `{"versions":[99]}`},
	{"POST", "PROJECT/destroy/PATH", `{"versions":[99]}`},
	{"LIST", "PROJECT/metadata/PATH/", ""},
	{"GET", "PROJECT/metadata/PATH?list=true", ""},
	{"LIST", "PROJECT/data/PATH", ""},
	{"POST", "PROJECT/metadata/PATH", `{"cas_required":true}`},
	{"POST", "PROJECT/config", `{"max_versions":1}`},
	{"GET", "sys/internal/ui/mounts/PROJECT", ""},
	{"GET", "sys/internal/ui/mounts/PROJECT/data/PATH", ""},
	{"POST", "sys/capabilities-self", `{"paths":["PROJECT/subkeys/PATH","PROJECT/metadata/PATH/","PROJECT/destroy/PATH","PROJECT/config"]}`},
}

// answer sends a request about a secret. It returns the answer and the calls of the store, without
// what names the request and the secret.
func answer(t *testing.T, f *fixture, w *watched, service string, verb struct{ method, path, body string }, project, path string) (reply, string) {
	t.Helper()
	names := strings.NewReplacer("PROJECT", project, "PATH", path)
	w.taken()
	r := f.as(service, verb.method, names.Replace(verb.path), names.Replace(verb.body))
	calls := w.taken()
	back := strings.NewReplacer(project+"/", "PROJECT/", path, "PATH")
	r.body = back.Replace(r.body)
	var object map[string]any
	if json.Unmarshal([]byte(r.body), &object) == nil {
		delete(object, "request_id")
		text, _ := json.Marshal(object)
		r.body = string(text)
	}
	return r, back.Replace(calls)
}

// TestDeniedNamesDoNotShow: whether a secret exists that the caller may not touch changes neither
// the answer of any request nor the calls of the store, so its time does not show it either.
func TestDeniedNamesDoNotShow(t *testing.T) {
	const deny = "newsbot/prod/there,newsbot/prod/none"
	for _, denied := range []struct{ about, service, project, there, other, none, deny, before string }{
		{"another project", "lister", "other", "prod/there", "other", "prod/none", "", ""},
		{"a project that is not registered", "lister", "other", "prod/there", "ghost", "prod/none", "", ""},
		{"another folder", "lister", "newsbot", "dev/there", "newsbot", "dev/none", "", ""},
		{"another folder, to a writer", "writer", "newsbot", "dev/there", "newsbot", "dev/none", "", ""},
		{"a denied name", "lister", "newsbot", "prod/there", "newsbot", "prod/none", deny, ""},
		{"a denied name, to a writer", "writer", "newsbot", "prod/there", "newsbot", "prod/none", deny, ""},
		{"a deleted name", "lister", "newsbot", "prod/there", "newsbot", "prod/none", deny, "newsbot/data/prod/there"},
		{"a removed name", "lister", "newsbot", "prod/there", "newsbot", "prod/none", deny, "newsbot/metadata/prod/there"},
	} {
		for _, verb := range slices.Concat(verbs, variants) {
			t.Run(denied.about+" "+verb.method+" "+verb.path, func(t *testing.T) {
				is := is.New(t)
				f, w := newWatched(t)
				if denied.before != "" {
					is.Equal(f.as("admin", "DELETE", denied.before, "").status, 204)
				}
				if denied.deny != "" {
					f.setPolicy(map[string]string{"DENY_" + denied.service: denied.deny})
				}
				there, calls := answer(t, f, w, denied.service, verb, denied.project, denied.there)
				none, callsNone := answer(t, f, w, denied.service, verb, denied.other, denied.none)
				is.Equal(there.status, none.status)
				is.Equal(there.body, none.body)
				is.Equal(calls, callsNone)
				is.True(!strings.Contains(there.body, "hidden"))
			})
		}
	}
}

// TestListsHideDeniedNames, live, deleted or with metadata only, in a folder that the caller may
// list. No record of them is read.
func TestListsHideDeniedNames(t *testing.T) {
	is := is.New(t)
	f, w := newWatched(t)
	f.as("admin", "POST", "newsbot/data/prod/seen", `{"data":{"value":"a"}}`)
	f.as("admin", "POST", "newsbot/metadata/prod/only", `{"custom_metadata":{"a":"hidden"}}`)
	f.as("admin", "POST", "newsbot/data/prod/dead", `{"data":{"value":"hidden"}}`)
	f.as("admin", "DELETE", "newsbot/data/prod/dead", "")
	f.setPolicy(map[string]string{"DENY_lister": "newsbot/prod/there,newsbot/prod/only,newsbot/prod/dead"})
	w.taken()
	r := f.as("lister", "LIST", "newsbot/metadata/prod", "")
	is.Equal(r.member("data", "keys"), []any{"seen"})
	calls := w.taken()
	for _, name := range []string{"there", "only", "dead"} {
		is.True(!strings.Contains(calls, name))
	}
	is.Equal(f.as("lister", "LIST", "newsbot/metadata/prod/there", "").body, f.as("lister", "LIST", "newsbot/metadata/prod/none", "").body)
}

// TestRightsDoNotShowMore: a caller with some rights on a secret learns nothing by them that needs
// another right.
func TestRightsDoNotShowMore(t *testing.T) {
	for _, limited := range []struct {
		about, service string
		verbs          []int // those that the caller may not use, or that must not show it
	}{
		{"metadata, to a reader", "reader", []int{2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}},
		{"values and histories, to a writer", "writer", []int{0, 1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19}},
	} {
		for _, n := range limited.verbs {
			verb := verbs[n]
			t.Run(limited.about+" "+verb.method+" "+verb.path, func(t *testing.T) {
				is := is.New(t)
				f, w := newWatched(t)
				there, calls := answer(t, f, w, limited.service, verb, "newsbot", "prod/there")
				none, callsNone := answer(t, f, w, limited.service, verb, "newsbot", "prod/none")
				is.Equal(there.status, none.status)
				is.Equal(there.body, none.body)
				is.Equal(calls, callsNone)
			})
		}
	}
}

// TestADeletedSecretIsNoneToAReader: without the right to list, a secret that was deleted is as one
// that never was.
func TestADeletedSecretIsNoneToAReader(t *testing.T) {
	is := is.New(t)
	f, w := newWatched(t)
	is.Equal(f.as("admin", "DELETE", "newsbot/data/prod/there", "").status, 204)
	for _, n := range []int{0, 1, 7} {
		there, calls := answer(t, f, w, "reader", verbs[n], "newsbot", "prod/there")
		none, callsNone := answer(t, f, w, "reader", verbs[n], "newsbot", "prod/none")
		is.Equal(there.status, 404)
		is.Equal(there.body, none.body)
		is.Equal(calls, callsNone)
	}
}

// TestListsShowWhatTheCallerMayList: of secrets, deleted ones and names with metadata only.
func TestListsShowWhatTheCallerMayList(t *testing.T) {
	is := is.New(t)
	f, _ := newWatched(t)
	f.as("admin", "POST", "newsbot/metadata/dev/only", `{"custom_metadata":{"a":"b"}}`)
	f.as("admin", "POST", "newsbot/metadata/hidden", `{"custom_metadata":{"a":"b"}}`)
	f.as("admin", "DELETE", "newsbot/data/dev/there", "")
	is.Equal(f.as("lister", "LIST", "newsbot/metadata/", "").member("data", "keys"), []any{"prod/"})
	is.Equal(f.as("writer", "LIST", "newsbot/metadata/", "").status, 403)
	mounts := f.as("lister", "GET", "sys/mounts", "").member("data").(map[string]any)
	is.Equal(len(mounts), 1)
	is.True(mounts["newsbot/"] != nil)
}

// TestFailedLogInsAreAlike: a service that there is, and one that there is not.
func TestFailedLogInsAreAlike(t *testing.T) {
	is := is.New(t)
	f, _ := newWatched(t)
	for _, path := range []string{"auth/approle/login", "auth/userpass/login/SERVICE"} {
		body := `{"role_id":"SERVICE","secret_id":"wrong-token-0123456789","password":"wrong-token-0123456789"}`
		known := strings.NewReplacer("SERVICE", "admin")
		unknown := strings.NewReplacer("SERVICE", "nobody")
		a := f.as("", "POST", known.Replace(path), known.Replace(body))
		b := f.as("", "POST", unknown.Replace(path), unknown.Replace(body))
		is.Equal(a.status, 400)
		is.Equal(a.status, b.status)
		is.Equal(a.body, b.body)
	}
	for _, wrong := range []string{"admin:wrong", "nobody:wrong", "wrong", ""} {
		r := f.do("GET", "newsbot/data/prod/there", "", "X-Vault-Token: "+wrong)
		is.Equal(r.status, 403)
		text := `{"errors":["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}`
		if wrong == "" {
			text = `{"errors":["permission denied"]}`
		}
		is.Equal(r.body, text+"\n")
	}
}
