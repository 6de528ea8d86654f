package guard

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault"
)

// origins are the web sites other than the server's own whose pages may send requests.
type origins map[string]bool

func newOrigins(named []string) (origins, error) {
	o := make(origins)
	for _, text := range named {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || text != u.Scheme+"://"+u.Host || strings.ContainsAny(u.Host, "*@ ") || text != strings.ToLower(text) {
			return nil, fmt.Errorf("guard: %w: AllowedOrigins takes origins, such as https://console.example.org, without a path or wildcard", myvault.ErrInvalid)
		}
		o[text] = true
	}
	return o, nil
}

// allow reports whether no page of another site made the request. Browsers send the site of
// the page in Sec-Fetch-Site or, to a plain http address, in Origin alone; other clients
// send neither. A page cannot set these headers. Reads are refused too: a browser would
// send a client certificate with them, and they are recorded in the trail.
func (o origins) allow(r *http.Request) bool {
	origin, site := r.Header["Origin"], r.Header["Sec-Fetch-Site"]
	if len(origin) > 1 || len(site) > 1 {
		return false
	}
	if len(origin) == 1 && o[origin[0]] {
		return true
	}
	if len(site) == 1 {
		return site[0] == "same-origin" || site[0] == "none"
	}
	if len(origin) == 0 {
		return true
	}
	u, err := url.Parse(origin[0])
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// AllowReading adds the headers that let a page of an allowed origin read the answer to r
// (CORS).
func (g *Guard) AllowReading(r *http.Request, header http.Header) {
	o := g.origins
	if len(o) == 0 {
		return
	}
	if !slices.Contains(header["Vary"], "Origin") {
		header.Add("Vary", "Origin")
	}
	if origin := r.Header["Origin"]; len(origin) == 1 && o[origin[0]] {
		header.Set("Access-Control-Allow-Origin", origin[0])
		header.Set("Access-Control-Expose-Headers", "ETag, Link, Location, Retry-After, X-Request-Id")
	}
}

// Preflight reports whether r is a CORS preflight request of an allowed origin, and if so
// adds the headers of its answer.
func (g *Guard) Preflight(r *http.Request, header http.Header) bool {
	origin := r.Header["Origin"]
	if r.Method != http.MethodOptions || len(origin) != 1 || !g.origins[origin[0]] || !g.hosts.allow(r) {
		return false
	}
	header.Set("Access-Control-Allow-Methods", "GET, POST, PATCH, PUT, DELETE")
	header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, If-None-Match, X-Request-Id, X-Service, X-Token")
	return true
}
