// Package network names where a request came from, in units that one caller cannot multiply.
package network

import "net/netip"

// Of returns addr, or its /64 network if it is an IPv6 address beyond loopback: one caller
// has as many addresses in such a network as it likes.
func Of(addr netip.Addr) string {
	addr = addr.Unmap().WithZone("")
	if addr.Is4() || addr.IsLoopback() {
		return addr.String()
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return addr.String()
	}
	return prefix.String()
}
