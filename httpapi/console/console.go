// Package console is the management console of the vault: pages in a browser that list, show and
// change secrets through the API of package httpapi, which they are given to:
//
//	api, err := httpapi.New(vault, httpapi.Config{Console: console.New()})
//
// It is plain files that this package embeds: ES modules and one stylesheet, with nothing to build and
// nothing loaded from elsewhere. A program that does not import it has none of it.
//
// The page has no rights of its own. Who uses it signs in as a service, with its token, which stays in
// the memory of the page; what that service may do is decided by the same policy, and recorded in the
// same trail, as over the API.
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

// pages are the files of the console, as they stand in the source.
//
//go:embed files
var pages embed.FS

// policy is the content security policy of every answer: scripts, styles and requests of this
// origin alone, none of them inline; no text ever becomes a script or markup; no form is sent, and
// no page may hold this one in a frame.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// Handler answers with the files of the console. Make it with [New]; it is immutable, and may be used
// by many goroutines.
type Handler struct {
	files map[string]file // by path, "/app.js"
}

var _ http.Handler = (*Handler)(nil)

// file is what one path answers.
type file struct {
	kind          string
	plain, zipped []byte
}

// kinds are the types of the files there are.
var kinds = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// New makes the console. It belongs below a path that ends with a slash, with that path taken off, on
// the origin of the API: the page looks for it beside itself, at ../api/.
func New() *Handler {
	h := &Handler{files: make(map[string]file)}
	// The files are part of the program: reading and packing them cannot fail.
	_ = fs.WalkDir(pages, "files", func(name string, entry fs.DirEntry, _ error) error {
		if !entry.IsDir() {
			plain, _ := pages.ReadFile(name)
			h.files[strings.TrimPrefix(name, "files")] = file{kinds[path.Ext(name)], plain, packed(plain)}
		}
		return nil
	})
	h.files["/"] = h.files["/index.html"]
	return h
}

func packed(plain []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	_, _ = w.Write(plain)
	_ = w.Close()
	return out.Bytes()
}

// ServeHTTP answers GET and HEAD for a file, 405 for other methods, and 404 for other paths.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	setHeaders(header)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "the console is only read; changes go to the API", http.StatusMethodNotAllowed)
		return
	}
	found, ok := h.files[r.URL.Path]
	if !ok {
		http.Error(w, "the console has no such file; begin at its root", http.StatusNotFound)
		return
	}
	body := found.plain
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		body = found.zipped
		header.Set("Content-Encoding", "gzip")
	}
	header.Add("Vary", "Accept-Encoding") // beside what a handler around this one set
	header.Set("Content-Type", found.kind)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		_, _ = w.Write(body) // the client may be gone; there is nobody to tell
	}
}

// setHeaders sets what every answer has: nothing is kept, guessed, framed, shared with other sites or
// told to them.
func setHeaders(header http.Header) {
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", policy)
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
}
