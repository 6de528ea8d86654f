package guard

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/internal/network"
)

// forwarders are the networks of trusted proxies.
type forwarders []netip.Prefix

func newForwarders(named []string) (forwarders, error) {
	var f forwarders
	for _, text := range named {
		trusted, err := netip.ParsePrefix(text)
		if addr, plain := netip.ParseAddr(text); plain == nil && addr.Zone() == "" {
			trusted, err = addr.Prefix(addr.BitLen())
		}
		if err != nil || trusted.Bits() == 0 || trusted != trusted.Masked() || trusted.Addr().Is4In6() {
			return nil, fmt.Errorf("guard: %w: Forwarders takes addresses and networks of proxies, such as 10.1.2.3 or 10.1.2.0/24, and not the network of all addresses", myvault.ErrInvalid)
		}
		f = append(f, trusted)
	}
	return f, nil
}

func (f forwarders) trusted(addr netip.Addr) bool {
	return slices.ContainsFunc(f, func(n netip.Prefix) bool { return n.Contains(addr) })
}

// Remote returns the network address that r came from, for counting failures and for the
// trail: an address, or the /64 network of an IPv6 address.
//
// It is the address of the connection, unless that is a forwarder. Then X-Forwarded-For is
// read from its end, where each forwarder appends the address that it received the request
// from, up to the first address that is not a forwarder's. Earlier entries are claims of
// the caller. If an entry is not a plain address, r came from the forwarder that appended
// it.
func (g *Guard) Remote(r *http.Request) string {
	f := g.forwarders
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	addr := peer.Addr().Unmap().WithZone("")
	if len(f) == 0 || !f.trusted(addr) {
		return network.Of(addr)
	}
	forwarded := strings.Join(r.Header["X-Forwarded-For"], ",")
	for forwarded != "" && f.trusted(addr) {
		last := strings.LastIndexByte(forwarded, ',')
		hop, err := netip.ParseAddr(strings.Trim(forwarded[last+1:], " \t"))
		if err != nil || hop.Zone() != "" {
			break
		}
		addr, forwarded = hop.Unmap(), forwarded[:max(last, 0)]
	}
	return network.Of(addr)
}
