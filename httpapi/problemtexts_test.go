package httpapi_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"io"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/guard"
	"github.com/myswiftagent/myvault/internal/listing"
	"github.com/myswiftagent/myvault/providers/memory"
)

const problemTexts = "testdata/problems.golden"

// unreached is a text that no request provokes: net/http refuses a path with a bad escape
// before the handler gets it.
const unreached = "must be followed by two hex digits"

// TestProblemTexts provokes every problem of the package and of guard, and compares the
// statuses and texts with a file that lists them all. -update writes it. A text in the source
// that no request provokes is an error too.
func TestProblemTexts(t *testing.T) {
	is := is.New(t)
	var texts []string
	for _, w := range everyProblem(t) {
		var p struct {
			Status int
			Detail string
		}
		is.NoErr(json.Unmarshal(w.Body.Bytes(), &p))
		is.Equal(p.Status, w.Code)
		is.True(w.Code >= 400)
		texts = append(texts, fmt.Sprintf("%d %s", p.Status, p.Detail))
		is.True(!strings.Contains(fmt.Sprint(w.Header(), w.Body), canary)) // the input
	}
	slices.Sort(texts)
	all := strings.Join(slices.Compact(texts), "\n") + "\n"
	if *update {
		is.NoErr(os.WriteFile(problemTexts, []byte(all), 0o644))
	}
	golden, err := os.ReadFile(problemTexts)
	is.NoErr(err)
	for _, line := range differing(all, string(golden)) {
		t.Errorf("%s is out of date: go test ./httpapi -run TestProblemTexts -update: %s", problemTexts, line)
	}
	for where, pattern := range textsInSource(t) {
		if !strings.Contains(pattern, unreached) && !regexp.MustCompile("(?m)"+pattern).MatchString(all) {
			t.Errorf("%s: no row of everyProblem shows %q", where, pattern)
		}
	}
}

// differing returns the lines that only one of two texts has.
func differing(is, was string) (lines []string) {
	for _, line := range strings.Split(is, "\n") {
		if !slices.Contains(strings.Split(was, "\n"), line) {
			lines = append(lines, "new: "+line)
		}
	}
	for _, line := range strings.Split(was, "\n") {
		if !slices.Contains(strings.Split(is, "\n"), line) {
			lines = append(lines, "gone: "+line)
		}
	}
	return lines
}

// wrong is a request that is refused; headers are "Name: value".
type wrong struct {
	method, target, body string
	headers              []string
}

// wrongs are refused by admin's vault, which has newsbot/prod/db. The canary is in each
// part of the input that is refused.
var wrongs = slices.Concat(wrongOutside, wrongBodies, []wrong{
	{"GET", "/api/secrets?project=" + canary + "&prefix=" + canary + "//", "", nil},
	{"GET", "/api/secrets?prefix=" + canary, "", nil},
	{"GET", "/api/secrets?deleted=" + canary, "", nil},
	{"GET", "/api/secrets?limit=" + canary, "", nil},
	{"GET", "/api/secrets?cursor=" + canary, "", nil},
	{"GET", "/api/secrets?" + canary + "=1", "", nil},
	{"GET", "/api/whoami?" + canary + "=1", "", nil},
	{"GET", "/api/secrets?limit=" + canary + "&limit=1", "", nil},
	{"GET", "/api/secrets?limit=", "", nil},
	{"GET", "/api/secrets?%x" + canary, "", nil},
	{"GET", "/api/secrets/newsbot/" + canary + "%2Fx", "", nil},
	{"GET", "/api/secrets/newsbot/prod/db?version=" + canary, "", nil},
	{"GET", "/api/secret?project=" + canary, "", nil},
	{"POST", "/api/secrets", "{}", []string{`If-None-Match: "` + canary + `"`}},
	{"GET", "/api/projects", "", []string{"Range: " + canary}},
	{"GET", "/api/secrets/newsbot/prod/none", "", nil},
	{"GET", "/api/audit?outcome=" + canary, "", nil},
	{"GET", "/api/audit?action=" + canary, "", nil},
	{"GET", "/api/audit?since=" + canary, "", nil},
	{"GET", "/api/audit/state", "", nil},
	{"GET", "/api/watch?wait=0", canary, nil},
	{"GET", "/api/watch?wait=" + canary, "", nil},
	{"GET", "/api/watch?cursor=" + canary + "!", "", nil},
	{"GET", "/api/watch?cursor=" + base64.RawURLEncoding.EncodeToString([]byte(canary)), "", nil},
	{"GET", "/api/watch", "", []string{"Last-Event-ID: " + canary, "Last-Event-ID: " + canary}},
	{"GET", "/api/policy/explain", "", nil},
	{"GET", "/api/policy/explain?action=read&project=newsbot", "", nil},
	{"GET", "/api/policy/who?action=read", "", nil},
	{"GET", "/api/policy/explain?project=newsbot&path=x&action=" + canary, "", nil},
	{"GET", "/api/secrets/newsbot/prod/db", "", []string{"If-None-Match: " + canary}},
	{"GET", "/api/secrets/newsbot/prod/db", "", []string{`If-None-Match: "` + canary + `" "x"`}},
	{"GET", "/api/secrets/newsbot/prod/../" + canary, "", nil},
	{"DELETE", "/api/secrets/newsbot/prod/db", "", []string{`If-Match: "` + canary + `"`}},
	{"DELETE", "/api/secrets/newsbot/prod/db", "", []string{"If-Match: " + canary}},
	{"DELETE", "/api/projects/newsbot", "", nil},
	{"POST", "/api/versions/newsbot/prod/db", `{"op":"undelete"}`, nil},
	{"POST", "/api/projects", `{"name":"newsbot"}`, nil},
})

// wrongOutside are refused before the caller is known, or because of its rights.
var wrongOutside = []wrong{
	{"GET", "/" + canary, "", nil},
	{"PUT", "/api/secrets", "", nil},
	{"GET", "/api/whoami", "", []string{"Host: " + canary}},
	{"GET", "/api/secrets/newsbot/prod/db", "", []string{"Sec-Fetch-Site: " + canary}},
	{"GET", "/api/whoami", "", []string{"X-Service: " + canary}},
	{"GET", "/api/whoami", "", []string{"X-Token: " + canary}},
	{"GET", "/api/secrets/newsbot/prod/db", "", []string{"X-Service: writer", "X-Token: " + writerToken}},
}

// wrongBodies have one thing wrong each.
var wrongBodies = []wrong{
	{"POST", "/api/secrets", canary, []string{"Content-Type: text/" + canary}},
	{"POST", "/api/secrets", canary, nil},
	{"POST", "/api/secrets", strings.Repeat(canary, 1<<20/len(canary)+1), nil},
	{"POST", "/api/secrets", `["` + canary + `"]`, nil},
	{"POST", "/api/secrets", `{"` + canary + `":1}`, nil},
	{"POST", "/api/secrets", `{"value":{"` + canary + `":1}}`, nil},
	{"POST", "/api/secrets", `{"value":"` + canary + `"}`, nil},
	{"POST", "/api/secrets", `{"project":"p","path":"` + canary + `"}`, nil},
	{"POST", "/api/secrets", `{"project":"p","path":"` + canary + `","value":""}`, nil},
	{"POST", "/api/secrets", `{"project":"p","path":"a","value":"` + strings.Repeat(canary, 30_000) + `"}`, nil},
	{"POST", "/api/secrets", `{"project":"p","path":"a","value":"` + canary + `","encoding":"` + canary + `"}`, nil},
	{"POST", "/api/secrets", `{"project":"p","path":"a","value":"` + canary + `","encoding":"base64"}`, nil},
	{"POST", "/api/secrets", `{"project":"p","path":"a","value":"` + canary + `","generate":{}}`, nil},
	{"POST", "/api/secrets", `{"project":"p","path":"a","value":"v","expires_at":"` + canary + `"}`, nil},
	{"POST", "/api/secrets", `{"project":"p","path":"a","value":"v","expires_at":"2020-01-01T00:00:00Z"}`, nil},
	{"POST", "/api/secrets", `{"project":"p","path":"a","value":"v","expires_at":"2099-01-01T00:00:00Z","rotate_after":"2099-01-02T00:00:00Z"}`, nil},
	{"POST", "/api/secrets", `{"project":"p","path":"a","generate":{"length":9}}`, nil},
	{"POST", "/api/secrets", `{"project":"p","path":"a","generate":{"length":5000}}`, nil},
	{"POST", "/api/secrets", `{"project":"p","path":"a","generate":{"alphabet":"` + canary + `"}}`, nil},
	{"POST", "/api/secrets", `{"project":"p","path":"a","generate":{"function":"` + canary + `"}}`, nil},
	{"POST", "/api/secrets", `{"project":"p","path":"a","generate":{"function":"` + canary + `","length":32}}`, nil},
	{"POST", "/api/projects", `{"description":"` + canary + `"}`, nil},
	{"POST", "/api/projects", `{"name":"p","description":"\n` + canary + `"}`, nil},
	{"POST", "/api/projects", `{"name":"p","description":"` + strings.Repeat(canary, 60) + `"}`, nil},
	{"PATCH", "/api/projects/newsbot", `{}`, nil},
	{"PATCH", "/api/secrets/newsbot/prod/db", `{"` + canary + `":1}`, nil},
	{"POST", "/api/versions/newsbot/prod/db", `{}`, nil},
	{"POST", "/api/versions/newsbot/prod/db", `{"op":"` + canary + `"}`, nil},
	{"POST", "/api/versions/newsbot/prod/db", `{"op":"destroy","versions":[0]}`, nil},
	{"POST", "/api/versions/newsbot/prod/db", `{"op":"undelete","versions":[1]}`, nil},
	{"POST", "/api/versions/newsbot/prod/db", `{"op":"destroy"}`, nil},
	{"POST", "/api/tokens", `{"rules":["` + canary + `"]}`, nil},
	{"POST", "/api/tokens", `{"` + canary + `":1}`, nil},
	{"POST", "/api/tokens", `{}`, nil},
	{"POST", "/api/tokens", `{"rules":[` + strings.Repeat(`"p/",`, 64) + `"` + canary + `"]}`, nil},
	{"POST", "/api/tokens", `{"rules":["p/"],"lifetime_seconds":0}`, nil},
	{"POST", "/api/tokens", `{"rules":["p/"],"lifetime_seconds":4000000000}`, nil},
	{"DELETE", "/api/tokens/" + canary, "", nil},
	{"POST", "/api/tokens", `{"rules":["p/"],"certificate_sha256":"` + canary + `"}`, nil},
	{"GET", "/api/whoami", "", []string{"Authorization: Bearer " + canary}},
	{"POST", "/api/changes", `{"changes":[]}`, nil},
	{"POST", "/api/changes", `{"changes":[{"project":"p","path":"a"}]}`, nil},
	{"POST", "/api/changes", `{"changes":[{"op":"` + canary + `","project":"p","path":"a"}]}`, nil},
	{"POST", "/api/changes", `{"changes":[{"op":"put","project":"p","path":"` + canary + `//"}]}`, nil},
	{"POST", "/api/changes", `{"changes":[{"op":"delete","project":"p","path":"a","value":"` + canary + `"}]}`, nil},
	{"POST", "/api/changes", `{"changes":[{"op":"put","project":"p","path":"a","if_absent":true,"if_version":1}]}`, nil},
	{"POST", "/api/changes", `{"changes":[{"op":"put","project":"p","path":"a","if_version":0}]}`, nil},
	{"POST", "/api/changes", `{"changes":[{"op":"delete","project":"newsbot","path":"prod/db","if_version":9}]}`, nil},
}

// everyProblem provokes each problem.
func everyProblem(t *testing.T) []*httptest.ResponseRecorder {
	t.Helper()
	s, _ := newFaulty(t)
	f := serveOn(t, s, httpapi.Config{Guard: newGuard(t, guard.Config{FailuresPerMinute: 2})})
	f.put(map[string]string{"newsbot/prod/db": "v"})
	var all []*httptest.ResponseRecorder
	for _, w := range wrongs {
		all = append(all, f.refused(w, nil))
	}
	all = append(all, f.refused(wrong{"GET", "/api/whoami", "", []string{"X-Service: a", "X-Service: b"}}, nil))
	for range 3 {
		all = append(all, f.refused(wrong{"GET", "/api/whoami", "", []string{"X-Token: " + canary}}, nil))
	}
	of := func(version int) string { return fmt.Sprintf(`"%s-%d"`, f.vault.Incarnation(), version) }
	all = append(all, f.refused(wrong{"DELETE", "/api/secrets/newsbot/prod/db", "", []string{"If-Match: " + of(1) + "," + of(2)}}, nil))
	all = append(all, f.refused(wrong{"DELETE", "/api/projects/newsbot", "", []string{"If-Match: " + of(1)}}, nil))
	all = append(all, f.refused(wrong{"POST", "/api/secrets", "", nil}, iotest.ErrReader(errors.New(canary))))
	for _, target := range []string{"/api/secrets", "/api/audit"} {
		cursor := httpapi.SealCursor(f.handler, "one\x00two\x00three", target+"\x00admin\x00\x00")
		all = append(all, f.refused(wrong{"GET", target + "?cursor=" + cursor, "", nil}, nil))
	}
	cursor := httpapi.SealCursor(f.handler, "prod/other\x002", versionsPattern+"\x00admin\x00newsbot\x00")
	all = append(all, f.refused(wrong{"GET", "/api/versions/newsbot/prod/db?cursor=" + cursor, "", nil}, nil))
	bare, err := httpapi.New(f.vault, httpapi.Config{})
	if err != nil {
		t.Fatal(err)
	}
	all = append(all, (&fixture{t: t, handler: bare}).refused(wrong{"GET", "/api/tokens", "", nil}, nil))
	return append(append(all, busyProblem(t), watchesProblem(t)), storeProblems(t)...)
}

// watchesProblem is the answer if another request watches, and only one may.
func watchesProblem(t *testing.T) *httptest.ResponseRecorder {
	t.Helper()
	f := serveOn(t, store{Provider: memory.New(memory.Config{})}, httpapi.Config{MaxWatches: 1})
	f.stream("admin", "/api/watch").want("bookmark")
	return f.refused(wrong{"GET", "/api/watch", "", nil}, nil)
}

// refused sends a request as admin, unless its headers say otherwise.
func (f *fixture) refused(w wrong, body io.Reader) *httptest.ResponseRecorder {
	f.t.Helper()
	if body == nil {
		body = strings.NewReader(w.body)
	}
	path, query, _ := strings.Cut(w.target, "?")
	r := httptest.NewRequest(w.method, path, body)
	r.URL.RawQuery, r.Host = query, "localhost"
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Service", "admin")
	r.Header.Set("X-Token", adminToken)
	replaced := make(map[string]bool)
	for _, line := range w.headers {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			r.Host = value
		}
		if !replaced[name] {
			r.Header.Del(name)
		}
		r.Header.Add(name, value)
		replaced[name] = true
	}
	return record(f.handler, r)
}

// storeProblems has one for each way in which a store can fail.
func storeProblems(t *testing.T) (all []*httptest.ResponseRecorder) {
	t.Helper()
	f, store := serveFaulty(t)
	for _, err := range []error{
		myvault.ErrUnknownOutcome, myvault.ErrTrail, myvault.ErrClosed, myvault.ErrUnavailable, context.DeadlineExceeded, context.Canceled, myvault.ErrTampered,
		myvault.ErrWrongKey, myvault.ErrExists, myvault.ErrConflict, myvault.ErrDestroyed, myvault.ErrNotEmpty, errors.ErrUnsupported, errors.New(canary), myvault.ErrGenerator,
	} {
		store.get.Store(fails(err))
		all = append(all, f.refused(wrong{"GET", "/api/secrets/newsbot/prod/db", "", nil}, nil))
	}
	return all
}

// textsInSource returns a pattern for each text of a problem in the package, by its
// position in the source. Texts that begin with the name of a package are errors of Go
// callers.
func textsInSource(t *testing.T) map[string]string {
	t.Helper()
	texts := make(map[string]string)
	listing.Inspect(t, func(where string, n ast.Node) {
		if text := problemText(n); text != nil {
			if pattern := patternOf(text); !regexp.MustCompile(`^(httpapi|guard): `).MatchString(pattern) && strings.Trim(pattern, ".*: ") != "" {
				texts[where] = pattern
			}
		}
	}, "guard")
	if len(texts) < 60 {
		t.Fatalf("only %d texts found", len(texts))
	}
	return texts
}

// problemText returns the text of the problem that a node creates, nil for others.
func problemText(n ast.Node) ast.Expr {
	switch n := n.(type) {
	case *ast.CallExpr:
		switch fmt.Sprint(n.Fun) {
		case "badRequest", "unprocessable", "&{fmt Errorf}", "&{errors New}":
			return n.Args[0]
		}
	case *ast.KeyValueExpr:
		if fmt.Sprint(n.Key) == "Detail" {
			return n.Value
		}
	case *ast.ValueSpec:
		if strings.HasPrefix(n.Names[0].Name, "text") && len(n.Values) == 1 {
			return n.Values[0]
		}
	}
	return nil
}

// patternOf turns an expression into a regular expression. Parts that are not constant are
// ".*".
func patternOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		if err != nil {
			return ".*"
		}
		return strings.ReplaceAll(regexp.MustCompile(`%[a-z]`).ReplaceAllString(regexp.QuoteMeta(text), ".*"), "%%", "%")
	case *ast.BinaryExpr:
		return patternOf(e.X) + patternOf(e.Y)
	case *ast.CallExpr:
		if fmt.Sprint(e.Fun) == "&{fmt Sprintf}" {
			return patternOf(e.Args[0])
		}
	}
	return ".*"
}
