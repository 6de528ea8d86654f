package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
)

// fuzzed returns a function that sends requests as admin to an API with one secret.
func fuzzed(f *testing.F) func(r *http.Request) *httptest.ResponseRecorder {
	f.Helper()
	policy, err := myvault.ParsePolicy(settings)
	if err != nil {
		f.Fatal(err)
	}
	vault, err := newStore(f).vault(policy, myvault.ReadsOff)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = vault.Close() })
	if _, err := vault.As("admin").Put(f.Context(), myvault.Address{Project: "p", Path: "a"}, myvault.Text(canary)); err != nil {
		f.Fatal(err)
	}
	handler, err := httpapi.New(vault, httpapi.Config{})
	if err != nil {
		f.Fatal(err)
	}
	return func(r *http.Request) *httptest.ResponseRecorder {
		r.Host = "localhost"
		r.Header.Set("X-Service", "admin")
		r.Header.Set("X-Token", adminToken)
		return record(handler, r)
	}
}

func FuzzPath(f *testing.F) {
	for _, path := range badPaths {
		f.Add("/api/secrets/newsbot/" + path)
	}
	f.Add("/api/secrets/p/a")
	f.Add("/api/projects/%2e%2e/set-default")
	call := fuzzed(f)
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !strings.HasPrefix(target, "/") {
			return // the server refuses it before us
		}
		u.RawQuery = ""
		for _, method := range []string{"GET", "DELETE"} {
			r := newRequest(method, "/")
			r.URL = u
			w := call(r)
			known := strings.Split(strings.TrimPrefix(strings.SplitN(target, "?", 2)[0], "/"), "/")
			switch w.Code {
			case 200, 204:
				for _, segment := range known {
					name, err := url.PathUnescape(segment)
					if err != nil || name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00\n%") {
						t.Fatalf("%s %q answered %d", method, target, w.Code)
					}
				}
				if method == "DELETE" && w.Code == 204 {
					call(requestWith("POST", "/api/secrets", `{"project":"p","path":"a","value":"v"}`))
				}
			case 400, 404, 405, 501:
			default:
				t.Fatalf("%s %q answered %d", method, target, w.Code)
			}
		}
	})
}

// requestWith returns a request with a JSON body.
func requestWith(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

func FuzzQuery(f *testing.F) {
	f.Add("cursor=AAAA")
	f.Add("project=p&prefix=a&limit=2&deleted=true")
	f.Add("cursor=" + strings.Repeat("A", 400))
	f.Add("since=2026-01-01T00:00:00Z&outcome=ok")
	call := fuzzed(f)
	f.Fuzz(func(t *testing.T, query string) {
		for _, path := range []string{"/api/secrets", "/api/secrets/p", "/api/secrets/p/a", "/api/audit", "/api/policy/explain"} {
			r := newRequest("GET", path)
			r.URL.RawQuery = query
			if w := call(r); w.Code != 200 && w.Code != 400 && w.Code != 404 {
				t.Fatalf("%s?%q answered %d", path, query, w.Code)
			}
		}
	})
}

func FuzzBody(f *testing.F) {
	f.Add(`{"project":"p","path":"b","value":"v"}`)
	f.Add(`{"value":"/w==","encoding":"base64"}`)
	f.Add(`{"changes":[{"op":"put","project":"p","path":"c","value":"v","if_version":1}]}`)
	f.Add(`{"op":"destroy","versions":[1,2]}`)
	f.Add(`{"name":"q","description":"d"}`)
	f.Add("{\"a\":\"\xff\"}")
	call := fuzzed(f)
	f.Fuzz(func(t *testing.T, body string) {
		for _, route := range []string{"POST /api/projects", "PATCH /api/projects/p", "POST /api/secrets", "PATCH /api/secrets/p/a", "POST /api/versions/p/none", "POST /api/changes"} {
			method, path, _ := strings.Cut(route, " ")
			switch w := call(requestWith(method, path, body)); w.Code {
			case 200, 201, 400, 404, 409, 410, 413, 422:
			default:
				t.Fatalf("%s with %q answered %d", route, body, w.Code)
			}
		}
	})
}
