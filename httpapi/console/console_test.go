package console_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/httpapi/console"
)

func Example() {
	// A program passes it to httpapi.New in Config.Console. This example serves it alone.
	server := httptest.NewServer(http.StripPrefix("/console", console.New()))
	defer server.Close()
	response, err := http.Get(server.URL + "/console/")
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	fmt.Println(response.Status, response.Header.Get("Content-Type"), response.Header.Get("Cache-Control"))
	// Output:
	// 200 OK text/html; charset=utf-8 no-store
}

func get(target string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", target, nil)
	r.Header = header
	w := httptest.NewRecorder()
	console.New().ServeHTTP(w, r)
	return w
}

// sources returns the files by path.
func sources(t *testing.T) map[string]string {
	t.Helper()
	entries, err := os.ReadDir("files")
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for _, e := range entries {
		text, err := os.ReadFile("files/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		files["/"+e.Name()] = string(text)
	}
	return files
}

func TestEveryFileIsServedUnderThePolicy(t *testing.T) {
	for name, text := range sources(t) {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			w := get(name, nil)
			is.Equal(w.Code, 200)
			is.Equal(w.Body.String(), text)
			for header, want := range map[string]string{
				"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY",
				"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
			} {
				is.Equal(w.Header().Get(header), want)
			}
			for _, directive := range []string{
				"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:", "form-action 'none'",
				"base-uri 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
			} {
				is.True(strings.Contains(w.Header().Get("Content-Security-Policy")+";", directive+";"))
			}
			is.True(w.Header().Get("Content-Type") != "") // every extension has a type
		})
	}
}

func TestOtherPathsAndMethodsAreRejected(t *testing.T) {
	is := is.New(t)
	for _, target := range []string{"/none.js", "/files/app.js", "/../console.go", "/app.js/"} {
		w := get(target, nil)
		is.Equal(w.Code, 404)
		is.True(w.Header().Get("Content-Security-Policy") != "")
	}
	w := httptest.NewRecorder()
	console.New().ServeHTTP(w, httptest.NewRequest("POST", "/", nil))
	is.Equal(w.Code, 405)
	is.Equal(w.Header().Get("Allow"), "GET, HEAD")
	w = httptest.NewRecorder()
	console.New().ServeHTTP(w, httptest.NewRequest("HEAD", "/", nil))
	is.Equal(w.Code, 200)
	is.Equal(w.Body.Len(), 0)
}

// TestTheWholeConsoleIsSmall limits the compressed size of all files, which a browser loads.
func TestTheWholeConsoleIsSmall(t *testing.T) {
	is := is.New(t)
	const maxSize = 60 << 10
	total := 0
	for name, text := range sources(t) {
		w := get(name, http.Header{"Accept-Encoding": {"gzip, br"}})
		is.Equal(w.Header().Get("Content-Encoding"), "gzip")
		total += w.Body.Len()
		unpacked, err := gzip.NewReader(bytes.NewReader(w.Body.Bytes()))
		is.NoErr(err)
		plain, err := io.ReadAll(unpacked)
		is.NoErr(err)
		is.Equal(string(plain), text)
	}
	t.Logf("%d bytes compressed", total)
	is.True(total < maxSize)
}

func TestFilesAreSmall(t *testing.T) {
	for name, text := range sources(t) {
		if lines := strings.Count(text, "\n"); lines > 350 {
			t.Errorf("%s has %d lines; split it by subject", name, lines)
		}
	}
}

// TestEveryFileIsUsed follows the imports of the page. A missing file would stop the page, and an
// unused one would only add to its size.
func TestEveryFileIsUsed(t *testing.T) {
	files := sources(t)
	reference := regexp.MustCompile(`(?:from '\./|href="|src(?:="|: '))([a-z]+\.(?:js|css|svg))`)
	reached := map[string]bool{"/index.html": true}
	for next := []string{"/index.html"}; len(next) > 0; {
		name := next[0]
		next = next[1:]
		text, ok := files[name]
		if !ok {
			t.Errorf("%s is imported but does not exist", name)
		}
		for _, found := range reference.FindAllStringSubmatch(text, -1) {
			if file := "/" + found[1]; !reached[file] {
				reached[file] = true
				next = append(next, file)
			}
		}
	}
	for name := range files {
		if !reached[name] {
			t.Errorf("%s is not used", name)
		}
	}
}

// TestNothingBecomesMarkupOrIsStored checks that the sources never turn text into markup or code,
// load nothing from other hosts, and store nothing in the browser.
func TestNothingBecomesMarkupOrIsStored(t *testing.T) {
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|DOMParser|srcdoc|` +
		`localStorage|sessionStorage|indexedDB|document\.cookie|style="|<script>|\son[a-z]+="|javascript:`)
	otherHost := regexp.MustCompile(`(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}`)
	found := 0
	for name, text := range sources(t) {
		found++
		if path.Base(name) == "dom.js" {
			text = strings.Replace(text, "// innerHTML, and the page's policy", "", 1) // the comment about it
		}
		if at := forbidden.FindString(text); at != "" {
			t.Errorf("%s contains %s", name, at)
		}
		if at := otherHost.FindString(strings.ReplaceAll(text, "http://www.w3.org/2000/svg", "")); at != "" {
			t.Errorf("%s contains %s", name, at)
		}
	}
	is.New(t).True(found >= 30)
}

// TestTextsAreInOneFile finds texts outside messages.js, which a translation would miss.
func TestTextsAreInOneFile(t *testing.T) {
	sentence := regexp.MustCompile(`['"\x60][A-Z][a-z]+ [a-z]+[^'"\x60]*['"\x60]`)
	for name, text := range sources(t) {
		if !strings.HasSuffix(name, ".js") || name == "/messages.js" {
			continue
		}
		for line := range strings.Lines(text) {
			code, _, _ := strings.Cut(line, "// ")
			if at := sentence.FindString(code); at != "" {
				t.Errorf("%s contains the text %s", name, at)
			}
		}
	}
}
