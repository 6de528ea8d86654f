package httpapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
)

// raw sends one request as written; Go's client would clean the path.
func (f *fixture) raw(method, target, body string) reply {
	f.t.Helper()
	host := strings.TrimPrefix(f.url, "http://")
	return f.rawText(fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\nX-Service: admin\r\nX-Token: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		method, target, host, adminToken, len(body), body))
}

func (f *fixture) rawText(text string) reply {
	f.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.url, "http://"))
	if err != nil {
		f.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		f.t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		f.t.Fatal(err)
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, string(read)}
}

// badPaths are invalid after /api/secrets/newsbot/.
var badPaths = map[string]string{
	"dot":                   "prod/./db",
	"dot dot":               "prod/../dev/db",
	"dot dot at the end":    "prod/..",
	"encoded dot":           "prod/%2e/db",
	"encoded dot dot":       "prod/%2e%2e/dev/db",
	"half encoded dot dot":  "prod/.%2e/dev/db",
	"upper case encoded":    "prod/%2E%2E/dev/db",
	"double slash":          "prod//db",
	"leading slash":         "/prod/db",
	"trailing slash":        "prod/db/",
	"encoded slash":         "prod%2Fdb",
	"encoded slash lower":   "prod%2fdb",
	"encoded slash and dot": "prod/..%2fdev/db",
	"slash beside raw UTF8": "日本%2Fdb",
	"slash beside a quote":  `a"b%2Fdb`,
	"encoded twice":         "prod%252Fdb",
	"encoded percent":       "prod/100%25",
	"backslash":             `prod\db`,
	"encoded backslash":     "prod%5Cdb",
	"NUL":                   "prod/d%00b",
	"newline":               "prod/d%0Ab",
	"carriage return":       "prod/d%0D%0AX-Evil:1",
	"tab":                   "prod/d%09b",
	"DEL":                   "prod/d%7Fb",
	"blank at the start":    "prod/%20db",
	"blank at the end":      "prod/db%20",
	"doubled blank":         "prod/d%20%20b",
	"no-break space":        "prod/d%C2%A0b",
	"zero width space":      "prod/d%E2%80%8Bb",
	"bidi override":         "prod/d%E2%80%AEb",
	"variation selector":    "prod/d%EF%B8%8Fb",
	"byte order mark":       "prod/%EF%BB%BFdb",
	"private use":           "prod/%EE%80%80",
	"not NFC":               "prod/e%CC%81",
	"invalid UTF-8":         "prod/d%FFb",
	"overlong slash":        "prod/d%C0%AFb",
	"surrogate":             "prod/d%ED%A0%80b",
	"semicolon":             "prod/db;v=1",
	"encoded semicolon":     "prod/db%3Bv=1",
	"comma":                 "prod/a,b",
	"star":                  "prod/*",
	"question mark":         "prod/what%3F",
	"hash":                  "prod/a%23b",
	"raw hash":              "prod/a#b",
	"angle":                 "prod/<b>",
	"quote":                 `prod/"b`,
	"too long":              "prod/" + strings.Repeat("x", 129),
	"too long in bytes":     "prod/" + strings.Repeat("%E6%97%A5", 43),
	"too deep":              "1/2/3/4/5/6/7/8/9",
	"a thousand deep":       strings.Repeat("a/", 1000) + "a",
	"colon is no project":   "../a:b/c",
	"malformed percent":     "prod/d%b",
	"percent at the end":    "prod/db%",
	"percent and one digit": "prod/db%2",
}

func TestBadNamesInAPathAreRefusedAndChangeNothing(t *testing.T) {
	f := newFixture(t)
	f.put(map[string]string{"newsbot/prod/db": "one", "newsbot/dev/db": "two"})
	for name, path := range badPaths {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			for _, below := range []string{"/api/secrets/newsbot/", "/api/versions/newsbot/"} {
				r := f.raw("GET", below+path, "")
				is.Equal(r.status, 400)
				is.Equal(r.header.Get("Location"), "") // never redirected
			}
			is.Equal(f.raw("DELETE", "/api/secrets/newsbot/"+path, "").status, 400)
			is.Equal(f.raw("PATCH", "/api/secrets/newsbot/"+path, `{"value":"evil"}`).status, 400)
			is.Equal(f.raw("PATCH", "/api/secrets/newsbot/"+path, `{}`).status, 400) // the name comes before the body
		})
	}
	is := is.New(t)
	var left []string
	for info, err := range f.vault.As("admin").List(t.Context(), myvault.ListOptions{}) {
		is.NoErr(err)
		left = append(left, fmt.Sprint(info.Address, info.Version))
	}
	is.Equal(left, []string{"newsbot/dev/db 1", "newsbot/prod/db 1"})
}

func TestBadProjectNamesAreRefused(t *testing.T) {
	f := newFixture(t)
	for _, name := range []string{"..", "%2e%2e", ".", ".vault", "%2Evault", "a%2Fb", "a:b", "a%00", "%20a", "", "%E2%80%8B", "e%CC%81", strings.Repeat("x", 129), "a%5Cb", "a*"} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			for _, target := range []string{"/api/secrets/" + name, "/api/secrets/" + name + "/prod/db", "/api/projects/" + name, "/api/versions/" + name + "/prod/db"} {
				r := f.raw("GET", target, "")
				is.Equal(r.status, 400)
				checkProblem(is, r)
			}
			is.Equal(f.raw("PUT", "/api/projects/"+name+"/set-default", "").status, 400)
			is.Equal(f.raw("DELETE", "/api/projects/"+name, "").status, 400)
		})
	}
}

func TestOddButValidNamesComeBackAsTheyWentIn(t *testing.T) {
	f := newFixture(t)
	for name, target := range map[string]string{
		"newsbot/日本語/データ・ベース": "newsbot/%E6%97%A5%E6%9C%AC%E8%AA%9E/%E3%83%87%E3%83%BC%E3%82%BF%E3%83%BB%E3%83%99%E3%83%BC%E3%82%B9",
		"my project/a b/c":    "my%20project/a%20b/c",
		"p/a:b":               "p/a:b",
		"p/a:c":               "p/a%3Ac",
		"p/(a)+b=c@d!'&~_-.e": "p/(a)+b=c@d!'&~_-.e",
		"p/1/2/3/4/5/6/7/8":   "p/1/2/3/4/5/6/7/8",
		"p/test":              "p/test",
		"test/x":              "test/x",
		"p/...":               "p/...",
		"p/raw日":              "p/raw日",
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			project, path, _ := strings.Cut(name, "/")
			made := f.raw("POST", "/api/secrets", `{"project":`+quote(project)+`,"path":`+quote(path)+`,"value":"v"}`)
			is.Equal(made.status, 201)
			for _, at := range []string{"/api/secrets/" + target, made.header.Get("Location")} {
				r := f.raw("GET", at, "")
				is.Equal(r.status, 200)
				is.Equal(r.object(t)["project"], project)
				is.Equal(r.object(t)["path"], path)
			}
		})
	}
}

func TestBadNamesInABodyAreRefused(t *testing.T) {
	f := newFixture(t)
	for _, name := range []string{"", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "a\\b", "a\u0000b", "a\nb", " a", "a ", "a  b", "\u202ea", "e\u0301", "a%2Fb", "a;b", "a,b", `a"b`, strings.Repeat("x", 129), "1/2/3/4/5/6/7/8/9"} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			r := f.as("admin", "POST", "/api/secrets", `{"project":"p","path":`+quote(name)+`,"value":"v"}`)
			is.Equal(r.status, 400)
			checkProblem(is, r)
			is.Equal(f.as("admin", "POST", "/api/secrets", `{"project":`+quote(name)+`,"path":"a","value":"v"}`).status, 400)
			is.Equal(f.as("admin", "POST", "/api/projects", `{"name":`+quote(name)+`}`).status, 400)
			is.Equal(f.as("admin", "GET", "/api/secrets", "").body, "[]")
		})
	}
}

func TestTargetsThatAreNoPath(t *testing.T) {
	f := newFixture(t)
	host := strings.TrimPrefix(f.url, "http://")
	for target, status := range map[string]int{
		"GET http://" + host + "/api/whoami":            200,
		"GET http://evil.example/api/whoami":            421,
		"GET http://" + host + "/api/secrets/../whoami": 400,
		"GET http://" + host:                            404,
		"GET *":                                         404,
		"CONNECT " + host:                               404,
		"CONNECT /api/whoami":                           405,
		"GET api/whoami":                                400,
		"GET ?x":                                        400,
		"GET \\api\\whoami":                             400,
	} {
		t.Run(target, func(t *testing.T) {
			is := is.New(t)
			r := f.rawText(target + " HTTP/1.1\r\nHost: " + host + "\r\nX-Service: admin\r\nX-Token: " + adminToken + "\r\nConnection: close\r\n\r\n")
			is.Equal(r.status, status)
			is.Equal(r.header.Get("Location"), "")
		})
	}
}

func TestAPathThatMiddlewareChangedCounts(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	r := newRequest("GET", "/")
	r.URL = &url.URL{Path: "/health", RawPath: "/old%2Fplace/health"} // the raw path was left behind
	is.Equal(record(f.handler, r).Code, 200)
	r = newRequest("GET", "/mounted/health")
	is.Equal(record(http.StripPrefix("/mounted", f.handler), r).Code, 200)
}

// TestAddressesInAnswersHaveThePrefix that a host has put before all routes.
func TestAddressesInAnswersHaveThePrefix(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	mounted := http.StripPrefix("/vault", f.handler)
	ask := func(method, target, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, target, strings.NewReader(body))
		r.Host = "localhost"
		r.Header = http.Header{"X-Service": {"admin"}, "X-Token": {adminToken}, "Content-Type": {"application/json"}}
		return record(mounted, r)
	}
	for _, path := range []string{"a", "b%20c"} {
		created := ask("POST", "/vault/api/secrets", `{"project":"newsbot","path":"prod/`+strings.ReplaceAll(path, "%20", " ")+`","value":"v"}`)
		is.Equal(created.Header().Get("Location"), "/vault/api/secrets/newsbot/prod/"+path)
		is.Equal(ask("GET", created.Header().Get("Location"), "").Code, 200)
	}
	page := ask("GET", "/vault/api/secrets?limit=1", "")
	next, _, _ := strings.Cut(strings.TrimPrefix(page.Header().Get("Link"), "<"), ">")
	is.True(strings.HasPrefix(next, "/vault/api/secrets?"))
	is.Equal(ask("GET", next, "").Code, 200)
	is.Equal(ask("GET", "/vault/api/versions/newsbot/prod/b%20c?limit=1", "").Code, 200)
	is.Equal(record(f.handler, httptest.NewRequest("GET", "http://localhost/api/none", nil)).Code, 404)

	absolute := ask("GET", "http://localhost/vault/api/secrets?limit=1", "")
	is.True(strings.HasPrefix(absolute.Header().Get("Link"), "</vault/api/secrets?"))
	anySegment := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, r.URL.Path, _ = strings.Cut(r.URL.Path[1:], "/api")
		r.URL.Path, r.URL.RawPath = "/api"+r.URL.Path, ""
		f.handler.ServeHTTP(w, r)
	})
	r := httptest.NewRequest("GET", "/x/api/secrets?limit=1", nil)
	r.RequestURI = `/a>;rel=b,<c/api/secrets?limit=1`
	r.Host = "localhost"
	r.Header = http.Header{"X-Service": {"admin"}, "X-Token": {adminToken}}
	is.True(strings.HasPrefix(record(anySegment, r).Header().Get("Link"), "</api/secrets?")) // nothing injected
}

func TestABadNameIsNotToldToStrangers(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	is.Equal(f.do("GET", "/api/secrets/.vault/x", "").status, 401) // identity comes first
	is.Equal(f.do("GET", "/api/secrets?limit=x", "").status, 401)
}
