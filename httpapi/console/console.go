// Package console is the management console of the vault: a page for browsers that lists, shows and
// changes secrets through the HTTP API. Pass it to package httpapi:
//
//	api, err := httpapi.New(vault, httpapi.Config{Console: console.New()})
//
// The console consists of embedded files: ES modules and one stylesheet. There is no build step,
// and the page loads nothing from other hosts. A program contains it only if it imports this
// package.
//
// The page has no special rights. A user signs in as a service, with a token that stays in the
// memory of the page. The policy and the trail apply as for every request to the API.
package console

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed files
var pages embed.FS

// securityPolicy is the Content-Security-Policy of every response. It allows scripts, styles and
// requests of this origin only, and none inline. Text cannot become a script or markup, no form can
// be submitted, and no page can frame this one.
const securityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// Handler serves the files of the console. Create it with [New]. It is safe for concurrent use.
type Handler struct {
	files map[string]file // by path, "/app.js"
}

var _ http.Handler = (*Handler)(nil)

type file struct {
	contentType    string
	plain, gzipped []byte
}

// contentTypes are the content types by file extension.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// New returns the console. Serve it on the origin of the API, below a path that ends with a slash,
// with [http.StripPrefix]. The page sends its requests to ../api/.
func New() *Handler {
	h := &Handler{files: make(map[string]file)}
	// Reading and compressing embedded files cannot fail.
	_ = fs.WalkDir(pages, "files", func(name string, entry fs.DirEntry, _ error) error {
		if !entry.IsDir() {
			plain, _ := pages.ReadFile(name)
			h.files[strings.TrimPrefix(name, "files")] = file{contentTypes[path.Ext(name)], plain, compress(plain)}
		}
		return nil
	})
	h.files["/"] = h.files["/index.html"]
	return h
}

func compress(plain []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	_, _ = w.Write(plain)
	_ = w.Close()
	return out.Bytes()
}

// ServeHTTP serves GET and HEAD. It responds with 405 to other methods and with 404 to unknown
// paths.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	setHeaders(header)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed: use GET or HEAD", http.StatusMethodNotAllowed)
		return
	}
	found, ok := h.files[r.URL.Path]
	if !ok {
		http.Error(w, "not found: no such file of the console", http.StatusNotFound)
		return
	}
	body := found.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		body = found.gzipped
		header.Set("Content-Encoding", "gzip")
	}
	header.Add("Vary", "Accept-Encoding") // Add keeps values that an outer handler has set
	header.Set("Content-Type", found.contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // fails only if the client has disconnected
	}
}

// setHeaders sets the headers of every response. They forbid caching, content sniffing, framing,
// use by other origins, and referrers.
func setHeaders(header http.Header) {
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", securityPolicy)
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
}
