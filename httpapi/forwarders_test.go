package httpapi_test

import (
	"fmt"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/guard"
	"github.com/myswiftagent/myvault/providers/memory"
)

// TestForwardersTellTheAddress that the trail has of a failed log-in.
func TestForwardersTellTheAddress(t *testing.T) {
	const proxy, other, v6 = "10.1.2.3", "10.9.9.9", "2001:db8::3"
	for name, c := range map[string]struct {
		peer string
		told []string
		want string
	}{
		"no proxy":                   {"192.0.2.1", nil, "192.0.2.1"},
		"no proxy, but told":         {"192.0.2.1", []string{"203.0.113.1"}, "192.0.2.1"},
		"this machine":               {"::1", nil, "::1"},
		"a proxy that is not named":  {other, []string{"203.0.113.1"}, other},
		"a proxy":                    {proxy, []string{"203.0.113.1"}, "203.0.113.1"},
		"a proxy of IPv6":            {v6, []string{"203.0.113.1"}, "203.0.113.1"},
		"a proxy, mapped":            {"::ffff:10.1.2.3", []string{"203.0.113.1"}, "203.0.113.1"},
		"a proxy that tells nothing": {proxy, nil, proxy},
		"the caller's own word":      {proxy, []string{"198.51.100.7, 203.0.113.1"}, "203.0.113.1"},
		"in a header of its own":     {proxy, []string{"198.51.100.7", "203.0.113.1"}, "203.0.113.1"},
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
			synctest.Test(t, func(t *testing.T) {
				is := is.New(t)
				r := newRequest("GET", "/api/whoami")
				r.RemoteAddr = net.JoinHostPort(c.peer, "1000")
				r.Header["X-Forwarded-For"] = c.told
				r.Header.Set("Forwarded", "for=198.51.100.1")
				r.Header.Set("X-Real-Ip", "198.51.100.2")
				is.Equal(failedFrom(t, r), c.want)
			})
		})
	}
}

// failedFrom gives the address under which the trail has a request without identity.
func failedFrom(t *testing.T, r *http.Request) string {
	t.Helper()
	is := is.New(t)
	policy, err := myvault.ParsePolicy(settings)
	is.NoErr(err)
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	is.NoErr(err)
	defer vault.Close()
	handler, err := httpapi.New(vault, httpapi.Config{Guard: newGuard(t, guard.Config{Forwarders: []string{"10.1.2.0/24", "2001:db8::3"}})})
	is.NoErr(err)
	is.Equal(record(handler, r).Code, 401)
	time.Sleep(2 * time.Second) // failures are written within one
	for e, err := range vault.As("admin").Trail(t.Context(), myvault.TrailFilter{}) {
		is.NoErr(err)
		if e.Action == "login" {
			return e.Remote
		}
	}
	t.Fatal("no entry")
	return ""
}

func TestFailuresCountByAddressAndByService(t *testing.T) {
	is := is.New(t)
	f := serveOn(t, newStore(t), httpapi.Config{Guard: newGuard(t, guard.Config{FailuresPerMinute: 2})})
	status := func(remote, service, token string) int {
		r := newRequest("GET", "/api/whoami")
		r.RemoteAddr = remote + ":1"
		r.Header = http.Header{"X-Service": {service}, "X-Token": {token}}
		return record(f.handler, r).Code
	}
	limited := 0
	for n := range 20 { // each for another service
		if status("192.0.2.1", fmt.Sprint("guess-", n), "wrong") == 429 {
			limited++
		}
	}
	is.True(around(limited, 10))                              // 5 times the two of a pair are free
	is.Equal(status("192.0.2.1", "reader", readerToken), 200) // the good client behind the same address
	is.Equal(status("192.0.2.2", "reader", "wrong"), 401)     // another address
	limited = 0
	for n := range 199 { // each from another address
		if status(fmt.Sprintf("198.51.100.%d", n), "writer", "wrong") == 429 {
			limited++
		}
	}
	is.True(around(limited, 99)) // 50 times the two of a pair are free
	is.Equal(status("192.0.2.9", "writer", writerToken), 200)
}

// around allows for a failure more or less that is limited: pairs share a slot by chance,
// and on a slow machine some become free again meanwhile.
func around(got, want int) bool { return got >= want-4 && got <= want+4 }
