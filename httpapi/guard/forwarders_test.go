package guard_test

import (
	"errors"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/guard"
)

func TestForwardersThatCannotBe(t *testing.T) {
	for _, text := range []string{"", "proxy", "10.1.2.3:80", "10.1.2.3/33", "10.1.2.3/24", "0.0.0.0/0", "::/0", "*", "::ffff:10.1.2.3", "fe80::1%eth0", "10.1.2.0/24,10.1.3.0/24"} {
		is := is.New(t)
		_, err := guard.New(guard.Config{Forwarders: []string{text}})
		is.True(errors.Is(err, myvault.ErrInvalid))
	}
}

// FuzzForwarded: for any header of a proxy, the address is one, of a bounded size, and that
// of the connection unless a forwarder said it.
func FuzzForwarded(f *testing.F) {
	for _, told := range []string{"", "203.0.113.1", "198.51.100.7, 203.0.113.1 ,10.1.2.9", "2001:db8::1", "::ffff:10.1.2.9", "fe80::1%eth0", ",,,", "10.1.2.9,"} {
		f.Add("10.1.2.3:1000", told, "10.1.2.0/24")
		f.Add("[::1]:1000", told, "::1")
		f.Add("192.0.2.1:1000", told, "10.1.2.0/24")
	}
	f.Fuzz(func(t *testing.T, peer, told, named string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr, r.Header["X-Forwarded-For"] = peer, []string{told, told}
		g, err := guard.New(guard.Config{Forwarders: []string{named}})
		if err != nil {
			return
		}
		bare, err := guard.New(guard.Config{})
		if err != nil {
			t.Fatal(err)
		}
		got, direct := g.Remote(r), bare.Remote(r)
		_, notAddr := netip.ParseAddr(got)
		_, notNetwork := netip.ParsePrefix(got)
		if notAddr != nil && notNetwork != nil && got != peer {
			t.Errorf("%q is neither an address nor a network", got)
		}
		if addr, err := netip.ParseAddrPort(peer); err == nil && got != direct {
			network, single := netip.ParsePrefix(named)
			if single != nil {
				only, _ := netip.ParseAddr(named)
				network = netip.PrefixFrom(only, only.BitLen())
			}
			if !network.Contains(addr.Addr().Unmap().WithZone("")) {
				t.Errorf("%q is believed about %q", peer, got)
			}
		}
	})
}
