package httpapi_test

import (
	"strings"
	"testing"
)

// Conditions of a request are read or refused; a change is made only where If-Match is *,
// or has the tag that was read.
func FuzzConditions(f *testing.F) {
	f.Add(`"x-1"`)
	f.Add(`W/"x-1", "y"`)
	f.Add("*")
	f.Add(`, ,"`)
	call := fuzzed(f)
	f.Fuzz(func(t *testing.T, header string) {
		if strings.ContainsAny(header, "\r\n\x00") {
			return // the server refuses it before us
		}
		r := newRequest("GET", "/api/secrets/p/a")
		r.Header.Set("If-None-Match", header)
		w := call(r)
		tag := w.Header().Get("ETag")
		if w.Code != 200 && w.Code != 304 && w.Code != 400 {
			t.Fatalf("If-None-Match %q answered %d", header, w.Code)
		}
		if w.Code == 304 && strings.Trim(header, " \t") != "*" && !strings.Contains(header, tag) {
			t.Fatalf("If-None-Match %q is not %s", header, tag)
		}
		r = requestWith("PATCH", "/api/secrets/p/a", `{"value":"v"}`)
		r.Header.Set("If-Match", header)
		if tag == "" {
			tag = call(newRequest("GET", "/api/secrets/p/a")).Header().Get("ETag")
		}
		switch w := call(r); {
		case w.Code == 200 && (strings.Trim(header, " \t") == "*" || strings.Contains(header, tag)):
		case w.Code == 400, w.Code == 412:
		default:
			t.Fatalf("If-Match %q beside %s answered %d", header, tag, w.Code)
		}
	})
}
