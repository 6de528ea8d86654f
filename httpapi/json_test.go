package httpapi_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
)

// bodies are what is sent to create a secret, and the status that each must have.
var bodies = map[string]int{
	`{"project":"p","path":"a","value":"v"}`:                     201,
	" \r\n{\"project\":\"p\",\"path\":\"b\",\"value\":\"v\"}\n ": 201,
	`{"project":"p","path":"c","value":"v","encoding":null}`:     201,
	``:     400,
	`   `:  400,
	`{`:    400,
	`nope`: 400,
	`{"project":"p","path":"x","value":"v"}x`:                400,
	`{"project":"p","path":"x","value":"v"}{}`:               400,
	`{"project":"p","path":"x","value":"v",}`:                400,
	`{"project":"p","path":"x","value":"v"`:                  400,
	`{"project":"p","path":"x","path":"y","value":"v"}`:      400,
	`{"project":"p","path":"x","p\u0061th":"y","value":"v"}`: 400,
	`{"project":"p","other":{"a":1,"a":2},"value":"v"}`:      400,
	`{"unknown":1,`: 400,
	"{\"project\":\"p\",\"path\":\"x\",\"value\":\"\xff\"}":   400,
	`{"project":"p","path":"x","value":"\ud800"}`:             400,
	`{"project":"p","path":"x","value":"\q"}`:                 400,
	"{\"project\":\"p\",\"path\":\"x\",\"value\":\"a\nb\"}":   400,
	"\xef\xbb\xbf" + `{"project":"p","path":"x","value":"v"}`: 400,
	`{'project':'p'}`:            400,
	`[]`:                         422,
	`null`:                       422,
	`"text"`:                     422,
	`{}`:                         422,
	`{"project":"p","path":"x"}`: 422,
	`{"project":"p","path":"x","value":null}`:                    422,
	`{"project":"p","value":"v"}`:                                422,
	`{"path":"x","value":"v"}`:                                   422,
	`{"project":"p","path":"x","value":1}`:                       422,
	`{"project":"p","path":"x","value":["v"]}`:                   422,
	`{"project":7,"path":"x","value":"v"}`:                       422,
	`{"project":"p","path":"x","value":""}`:                      422,
	`{"project":"p","path":"x","value":"v","version":1}`:         422,
	`{"project":"p","path":"x","value":"v","id":1}`:              422,
	`{"project":"p","path":"x","Value":"v"}`:                     422,
	`{"project":"p","path":"x","value":"v","PROJECT":"../.."}`:   422,
	`{"project":"p","path":"x","value":"abcd","encoding":"hex"}`: 422,
	`{"project":"p","path":"x","value":"v","encoding":""}`:       422,
	`{"project":"p","path":"taken","value":"v"}`:                 409,
	strings.Repeat("[", 20_000):                                  400,
}

func TestBodiesAreReadStrictly(t *testing.T) {
	f := newFixture(t)
	f.put(map[string]string{"p/taken": "v"})
	for body, status := range bodies {
		t.Run(fmt.Sprintf("%.70q", body), func(t *testing.T) {
			is := is.New(t)
			r := f.as("admin", "POST", "/api/secrets", body, "Content-Type: application/json")
			is.Equal(r.status, status)
			if status != 201 {
				checkProblem(is, r)
			}
			is.Equal(f.as("admin", "GET", "/api/secrets/p/x", "").status, 404) // nothing changed
		})
	}
}

func TestContentTypes(t *testing.T) {
	f := newFixture(t)
	f.put(map[string]string{"newsbot/prod/db": "v"})
	for kind, status := range map[string]int{
		"application/json":                     200,
		"application/json; charset=utf-8":      200,
		"Application/JSON;charset=UTF-8":       200,
		"application/json; charset=iso-8859-1": 415,
		"application/json; charset":            415,
		"text/plain":                           415,
		"application/x-www-form-urlencoded":    415,
		"multipart/form-data; boundary=x":      415,
		"application/json-patch+json":          415,
		"application/json, text/plain":         415,
		"":                                     415,
	} {
		t.Run(kind, func(t *testing.T) {
			is := is.New(t)
			r := f.as("admin", "PATCH", db, `{"value":"v"}`, "Content-Type: "+kind)
			is.Equal(r.status, status)
			if status != 200 {
				checkProblem(is, r)
			}
		})
	}
	is := is.New(t)
	is.Equal(f.as("admin", "PATCH", db, `{"value":"v"}`, "Content-Encoding: gzip").status, 415)
}

func TestSizes(t *testing.T) {
	f := newFixture(t)
	f.put(map[string]string{"newsbot/prod/db": "v"})
	patch := func(value string, more ...string) string {
		return `{"value":` + quote(value) + strings.Join(more, "") + `}`
	}
	large := strings.Repeat("x", myvault.MaxValue)
	for name, c := range map[string]struct {
		body   string
		status int
	}{
		"value at the limit":           {patch(large), 200},
		"value over the limit":         {patch(large + "x"), 413},
		"base64 at the limit":          {patch(base64.StdEncoding.EncodeToString([]byte(large)), `,"encoding":"base64"`), 200},
		"base64 over the limit":        {patch(base64.StdEncoding.EncodeToString([]byte(large+"x")), `,"encoding":"base64"`), 413},
		"body at the limit":            {`{"value":"v"}` + strings.Repeat(" ", 1<<20-13), 200},
		"body over the limit":          {`{"value":"v"}` + strings.Repeat(" ", 1<<20-12), 413},
		"body over the limit, no JSON": {strings.Repeat("x", 1<<20+1), 413},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			r := f.as("admin", "PATCH", db, c.body)
			is.Equal(r.status, c.status)
			if r.status == 413 {
				checkProblem(is, r)
			}
		})
	}
	t.Run("length over the limit, before anything was sent", func(t *testing.T) {
		is := is.New(t)
		head := "PATCH " + db + " HTTP/1.1\r\nHost: localhost\r\nX-Service: admin\r\nX-Token: " + adminToken + "\r\nContent-Type: application/json\r\n"
		is.Equal(f.rawText(head+"Content-Length: 1048577\r\n\r\n").status, 413)
	})
	t.Run("length unknown", func(t *testing.T) {
		is := is.New(t)
		head := "PATCH " + db + " HTTP/1.1\r\nHost: localhost\r\nX-Service: admin\r\nX-Token: " + adminToken + "\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
		body := strings.Repeat("x", 1<<20+1)
		is.Equal(f.rawText(fmt.Sprintf("%s%x\r\n%s\r\n0\r\n\r\n", head, len(body), body)).status, 413)
		is.Equal(f.rawText(head+"d\r\n{\"value\":\"v\"}\r\n0\r\n\r\n").status, 200)
	})
}

func TestBinaryValuesAreBase64(t *testing.T) {
	f := newFixture(t)
	const fits = 1<<20 - 16<<10 - 2 // bytes of JSON within the quotes
	base := func(value string) string { return base64.StdEncoding.EncodeToString([]byte(value)) }
	for name, c := range map[string]struct{ value, encoded string }{
		"text":           {"plain", ""},
		"unicode":        {"秘密 \u2028 é", ""},
		"NUL and quotes": {"\x00\"\\\n</script>", ""},
		"replacement":    {"\uFFFD", ""},
		"not UTF-8":      {"\xff\xfe", "//4="},
		"broken rune":    {"abc\xe6\x97", "YWJj5pc="},
		"many controls":  {strings.Repeat("\x01", 400_000), base(strings.Repeat("\x01", 400_000))},
		"JSON":           {strings.Repeat(`{"a":"b"},`, 45_000), ""},
		"lines":          {strings.Repeat("\n\r\t\b\f", 100_000), ""},
		"backslashes":    {strings.Repeat(`\`, 500_000), ""},
		"markup":         {strings.Repeat("<&>\x7f\u2028", 30_000), ""},
		"fitting quotes": {strings.Repeat(`"`, fits/2), ""},
		"a quote more":   {strings.Repeat(`"`, fits/2+1), base(strings.Repeat(`"`, fits/2+1))},
		"fitting NULs":   {strings.Repeat("\x00", fits/6), ""},
		"a NUL more":     {strings.Repeat("\x00", fits/6+1), base(strings.Repeat("\x00", fits/6+1))},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			path := "/api/secrets/p/" + strings.ReplaceAll(name, " ", "-")
			stored := base64.StdEncoding.EncodeToString([]byte(c.value))
			made := f.as("admin", "POST", "/api/secrets", `{"project":"p","path":"`+strings.ReplaceAll(name, " ", "-")+`","value":"`+stored+`","encoding":"base64"}`)
			is.Equal(made.status, 201)
			for _, r := range []reply{made, f.as("admin", "GET", path, "")} {
				got := r.object(t)
				if c.encoded == "" {
					is.Equal(got["value"], c.value)
					_, has := got["encoding"]
					is.True(!has)
					continue
				}
				is.Equal(got["value"], c.encoded)
				is.Equal(got["encoding"], "base64")
			}
			// A client can send back the response unchanged.
			shown := made.object(t)
			again := `{"value":` + quote(fmt.Sprint(shown["value"])) + `}`
			if c.encoded != "" {
				again = `{"value":` + quote(c.encoded) + `,"encoding":"base64"}`
			}
			is.Equal(f.as("admin", "PATCH", path, again).status, 200)
			is.Equal(f.as("admin", "GET", path, "").object(t)["value"], shown["value"])
		})
	}
}

func TestBase64IsStrict(t *testing.T) {
	f := newFixture(t)
	f.put(map[string]string{"newsbot/prod/db": "v"})
	for text, status := range map[string]int{
		"YQ==":       200,
		"+/+/":       200,
		"YQ":         422, // not padded
		"YR==":       422, // bits beyond the end
		"-_-_":       422, // the alphabet of URLs
		"YWJj\nYWJj": 422,
		"YWJj\r":     422,
		" YQ==":      422,
		"YQ== ":      422,
		"":           422, // empty
		"é":          422,
	} {
		t.Run(text, func(t *testing.T) {
			is := is.New(t)
			is.Equal(f.as("admin", "PATCH", db, `{"value":`+quote(text)+`,"encoding":"base64"}`).status, status)
		})
	}
}

// TestArraysOfABodyAreReadUpToTheirLimit: a body of 1 MiB full of items takes as much
// memory as the allowed number of items.
func TestArraysOfABodyAreReadUpToTheirLimit(t *testing.T) {
	for _, c := range []struct{ name, path, head, item, limit string }{
		{"changes", "/api/changes", `{"changes":[`, `{}`, "1000"},
		{"versions", "/api/versions/newsbot/prod/db", `{"op":"destroy","versions":[`, `1`, "1000"},
		{"rules", "/api/tokens", `{"rules":[`, `""`, "64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			is := is.New(t)
			f := newFixture(t)
			n := (1<<20 - 100) / (len(c.item) + 1)
			body := c.head + strings.Repeat(c.item+",", n) + c.item + "]}"
			r := newRequest("POST", c.path)
			r.Header = http.Header{"X-Service": {"admin"}, "X-Token": {adminToken}, "Content-Type": {"application/json"}}
			r.Body, r.ContentLength = http.NoBody, 0
			is.Equal(record(f.handler, r).Code, 400) // allocate now what is allocated once
			r.Body, r.ContentLength = readCloser(body), int64(len(body))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			answer := record(f.handler, r)
			runtime.ReadMemStats(&after)
			t.Logf("%d bytes allocated", after.TotalAlloc-before.TotalAlloc)
			is.True(after.TotalAlloc-before.TotalAlloc < 16<<20) // most of it for reading the body
			is.Equal(answer.Code, 422)
			is.True(strings.Contains(answer.Body.String(), c.name+" has more than "+c.limit+" items"))
			is.Equal(f.as("admin", "POST", c.path, body[:len(body)-1]).status, 400) // not well formed: that comes first
			is.Equal(f.as("admin", "POST", c.path, c.head+"null]}").status, 422)
			r2 := f.as("admin", "POST", c.path, c.head+"true]}")
			is.Equal(r2.status, 422)
			is.True(strings.Contains(r2.body, "wrong type of member /"+c.name+"/0"))
			is.True(strings.Contains(f.as("admin", "POST", c.path, c.head[:len(c.head)-1]+"{}}").body, "wrong type of member /"+c.name+":"))
		})
	}
}

func readCloser(text string) io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }
