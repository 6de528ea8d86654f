package guard

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/myswiftagent/myvault"
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

// allow reports whether the request is for this server. A browser that was lured to an
// attacker's domain sends the name of that domain, even if it resolves to the address of
// this server.
func (h hosts) allow(r *http.Request) bool {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if h[host] {
		return true
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	if addr.IsLoopback() {
		return true
	}
	local, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && local.AddrPort().Addr().Unmap().WithZone("") == addr.Unmap().WithZone("")
}
