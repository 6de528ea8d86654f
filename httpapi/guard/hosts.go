package guard

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/internal/problem"
)

// hosts are the allowed names of a Host header, in lower case.
type hosts map[string]bool

func newHosts(further []string) (hosts, error) {
	h := hosts{"localhost": true}
	for _, host := range further {
		name := strings.ToLower(strings.Trim(host, "[]"))
		if _, err := netip.ParseAddr(name); err != nil && (name == "" || strings.ContainsAny(name, ":/*@, ")) {
			return nil, fmt.Errorf("guard: %w: AllowedHosts takes names and addresses, without scheme, port or wildcard", myvault.ErrInvalid)
		}
		h[name] = true
	}
	return h, nil
}

// CheckHost returns an error if the Host header of r names another server. A browser that was lured
// to an attacker's domain sends the name of that domain, even if it resolves to the address of this
// server.
func (g *Guard) CheckHost(r *http.Request) error {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if g.hosts[host] {
		return nil
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
		if addr.IsLoopback() || ok && local.AddrPort().Addr().Unmap().WithZone("") == addr.Unmap().WithZone("") {
			return nil
		}
	}
	return &problem.Problem{
		Status: http.StatusMisdirectedRequest,
		Detail: "the Host header names no host of this server: the operator can allow it (AllowedHosts; MYVAULT_HOSTS of the example server)",
	}
}

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

// CheckOrigin returns an error if a page of another site made r. Browsers send the site of the page
// in Sec-Fetch-Site or, to a plain http address, in Origin alone; other clients send neither. A page
// cannot set these headers. Reads are refused too: a browser would send a client certificate with
// them, and they are recorded in the trail.
func (g *Guard) CheckOrigin(r *http.Request) error {
	origin, site := r.Header["Origin"], r.Header["Sec-Fetch-Site"]
	own := false
	switch {
	case len(origin) > 1 || len(site) > 1:
	case len(origin) == 1 && g.origins[origin[0]]:
		own = true
	case len(site) == 1:
		own = site[0] == "same-origin" || site[0] == "none"
	case len(origin) == 0:
		own = true
	default:
		u, err := url.Parse(origin[0])
		own = err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
	}
	if own {
		return nil
	}
	return &problem.Problem{
		Status: http.StatusForbidden, Code: "foreign_origin",
		Detail: "a page of another site made this request: the operator can allow its origin",
	}
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
	if r.Method != http.MethodOptions || len(origin) != 1 || !g.origins[origin[0]] || g.CheckHost(r) != nil {
		return false
	}
	header.Set("Access-Control-Allow-Methods", "GET, POST, PATCH, PUT, DELETE")
	header.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, If-None-Match, X-Request-Id, X-Service, X-Token")
	return true
}
