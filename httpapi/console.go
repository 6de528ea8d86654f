package httpapi

import (
	"net/http"
	"strings"
)

// consoleRoot is the path of the console. It has the same origin as the API that it calls.
const consoleRoot = "/console/"

// consoleEndpoints returns the routes of the console. They are not part of the API, so
// [Routes] omits them.
func consoleEndpoints() []endpoint {
	files := public(consoleRoot+"{path...}", func(c *call) (response, error) {
		return response{from: http.StripPrefix(strings.TrimSuffix(consoleRoot, "/"), c.api.console)}, nil
	})
	files.files = true
	return []endpoint{
		files,
		public(strings.TrimSuffix(consoleRoot, "/"), (*call).toConsole),
	}
}

func (c *call) toConsole() (response, error) {
	return response{status: http.StatusSeeOther, location: consoleRoot}, nil
}

// browses reports whether a browser sent the request, and there is a console to redirect it to.
func (c *call) browses() bool {
	return c.api.console != nil && strings.Contains(c.request.Header.Get("Accept"), "text/html")
}

// forward answers with another handler, under c's request id, and returns the status and
// size for the log.
func (c *call) forward(w http.ResponseWriter, to http.Handler) (status, size int) {
	w.Header().Set("X-Request-Id", c.id)
	counted := &counting{ResponseWriter: w, status: http.StatusOK}
	to.ServeHTTP(counted, c.request)
	return counted.status, counted.size
}

// counting records the status and size of a response.
type counting struct {
	http.ResponseWriter
	status, size int
}

// Unwrap is for [http.ResponseController].
func (w *counting) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *counting) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *counting) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	w.size += n
	return n, err
}
