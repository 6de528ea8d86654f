package guard_test

import (
	"errors"
	"net"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/guard"
)

func TestRemoteOfForwarders(t *testing.T) {
	const proxy, other, v6 = "10.1.2.3", "10.9.9.9", "2001:db8::3"
	for name, c := range map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"no proxy":                   {"192.0.2.1", nil, "192.0.2.1"},
		"no proxy, but the header":   {"192.0.2.1", []string{"203.0.113.1"}, "192.0.2.1"},
		"this machine":               {"::1", nil, "::1"},
		"a proxy that is not named":  {other, []string{"203.0.113.1"}, other},
		"a proxy":                    {proxy, []string{"203.0.113.1"}, "203.0.113.1"},
		"a proxy of IPv6":            {v6, []string{"203.0.113.1"}, "203.0.113.1"},
		"a proxy, mapped":            {"::ffff:10.1.2.3", []string{"203.0.113.1"}, "203.0.113.1"},
		"a proxy without the header": {proxy, nil, proxy},
		"a claim of the caller":      {proxy, []string{"198.51.100.7, 203.0.113.1"}, "203.0.113.1"},
		"in another header line":     {proxy, []string{"198.51.100.7", "203.0.113.1"}, "203.0.113.1"},
		"two proxies":                {proxy, []string{"198.51.100.7, 203.0.113.1 ,10.1.2.9"}, "203.0.113.1"},
		"proxies only":               {proxy, []string{"10.1.2.8,10.1.2.9"}, "10.1.2.8"},
		"IPv6":                       {proxy, []string{"2001:db8:7::1"}, "2001:db8:7::/64"},
		"mapped":                     {proxy, []string{"::ffff:203.0.113.1"}, "203.0.113.1"},
		"mapped, behind two proxies": {proxy, []string{"203.0.113.1, ::ffff:10.1.2.9"}, "203.0.113.1"},
		"with a port":                {proxy, []string{"203.0.113.1:80"}, proxy},
		"with a zone":                {proxy, []string{"fe80::1%eth0"}, proxy},
		"a name":                     {proxy, []string{"localhost"}, proxy},
		"nothing":                    {proxy, []string{""}, proxy},
		"an empty last":              {proxy, []string{"203.0.113.1,"}, proxy},
		"nonsense behind a proxy":    {proxy, []string{"x, 10.1.2.9"}, "10.1.2.9"},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			g, err := guard.New(guard.Config{Forwarders: []string{"10.1.2.0/24", "2001:db8::3"}})
			is.NoErr(err)
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = net.JoinHostPort(c.peer, "1000")
			r.Header["X-Forwarded-For"] = c.forwarded
			r.Header.Set("Forwarded", "for=198.51.100.1")
			r.Header.Set("X-Real-Ip", "198.51.100.2")
			is.Equal(g.Remote(r), c.want)
		})
	}
}

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
