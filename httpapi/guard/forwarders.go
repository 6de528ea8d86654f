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

// forwarders are the proxies that are believed about where a request came from.
type forwarders []netip.Prefix

func newForwarders(named []string) (forwarders, error) {
	var f forwarders
	for _, text := range named {
		trusted, err := netip.ParsePrefix(text)
		if addr, plain := netip.ParseAddr(text); plain == nil && addr.Zone() == "" {
			trusted, err = addr.Prefix(addr.BitLen())
		}
		if err != nil || trusted.Bits() == 0 || trusted != trusted.Masked() || trusted.Addr().Is4In6() {
			return nil, fmt.Errorf("guard: %w: Forwarders takes addresses and networks of proxies, such as 10.1.2.3 or 10.1.2.0/24, and not all addresses at once", myvault.ErrInvalid)
		}
		f = append(f, trusted)
	}
	return f, nil
}

func (f forwarders) believe(addr netip.Addr) bool {
	return slices.ContainsFunc(f, func(n netip.Prefix) bool { return n.Contains(addr) })
}

// Remote returns the network address that r came from, for counting failures and for the
// trail. That is whoever connected, unless it is a forwarder: then X-Forwarded-For is read from its
// end, as each forwarder appends whom it had the request from, up to the first that is no
// forwarder. What stands before is the caller's own word. An entry that is no plain address ends
// the reading too: the forwarder before it stands for the request.
func (g *Guard) Remote(r *http.Request) string {
	f := g.forwarders
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	addr := peer.Addr().Unmap().WithZone("")
	if len(f) == 0 || !f.believe(addr) {
		return network.Of(addr)
	}
	told := strings.Join(r.Header["X-Forwarded-For"], ",")
	for told != "" && f.believe(addr) {
		last := strings.LastIndexByte(told, ',')
		hop, err := netip.ParseAddr(strings.Trim(told[last+1:], " \t"))
		if err != nil || hop.Zone() != "" {
			break
		}
		addr, told = hop.Unmap(), told[:max(last, 0)]
	}
	return network.Of(addr)
}
