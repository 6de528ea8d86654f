package httpapi

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault"
)

// forwarders are the proxies that are believed about where a request came from.
type forwarders []netip.Prefix

func newForwarders(named []string) (forwarders, error) {
	var f forwarders
	for _, text := range named {
		network, err := netip.ParsePrefix(text)
		if addr, plain := netip.ParseAddr(text); plain == nil && addr.Zone() == "" {
			network, err = addr.Prefix(addr.BitLen())
		}
		if err != nil || network.Bits() == 0 || network != network.Masked() || network.Addr().Is4In6() {
			return nil, fmt.Errorf("httpapi: %w: Forwarders takes addresses and networks of proxies, such as 10.1.2.3 or 10.1.2.0/24, and not all addresses at once", myvault.ErrInvalid)
		}
		f = append(f, network)
	}
	return f, nil
}

func (f forwarders) believe(addr netip.Addr) bool {
	return slices.ContainsFunc(f, func(n netip.Prefix) bool { return n.Contains(addr) })
}

// remote gives the network address that a request came from, for counting failures and for the
// trail. That is whoever connected, unless it is a forwarder: then X-Forwarded-For is read from its
// end, as each forwarder appends whom it had the request from, up to the first that is no
// forwarder. What stands before is the caller's own word. An entry that is no plain address ends
// the reading too: the forwarder before it stands for the request.
func (f forwarders) remote(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	addr := peer.Addr().Unmap().WithZone("")
	if len(f) == 0 || !f.believe(addr) {
		return network(addr)
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
	return network(addr)
}

// network gives an address, and for IPv6 its network of 64 bits, where one caller has as many
// addresses as it likes.
func network(addr netip.Addr) string {
	if addr.Is4() || addr.IsLoopback() {
		return addr.String()
	}
	network, err := addr.Prefix(64)
	if err != nil {
		return addr.String()
	}
	return network.String()
}
