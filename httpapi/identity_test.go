package httpapi_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/guard"
	"github.com/myswiftagent/myvault/providers/memory"
)

func TestIdentityIsOneServiceAndOneToken(t *testing.T) {
	const service, token = "X-Service: reader", "X-Token: " + readerToken
	for _, c := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"both", []string{service, token}, 200},
		{"names in lower case", []string{"x-service: reader", "x-token: " + readerToken}, 200},
		{"none", nil, 401},
		{"no token", []string{service}, 401},
		{"no service", []string{token}, 401},
		{"empty token", []string{service, "X-Token: "}, 401},
		{"empty service", []string{"X-Service: ", token}, 401},
		{"both empty", []string{"X-Service: ", "X-Token: "}, 401},
		{"wrong token", []string{service, "X-Token: wrong-token-0123456789"}, 401},
		{"token of another", []string{service, "X-Token: " + writerToken}, 401},
		{"token with more", []string{service, token + "x"}, 401},
		{"unknown service", []string{"X-Service: nobody", token}, 401},
		{"other case", []string{"X-Service: Reader", token}, 401},
		{"two in one line", []string{"X-Service: reader, admin", token}, 401},
		{"doubled service", []string{service, "X-Service: admin", token}, 400},
		{"doubled the same", []string{service, service, token}, 400},
		{"doubled in another case", []string{service, "x-service: reader", token}, 400},
		{"doubled token", []string{service, token, "X-Token: " + adminToken}, 400},
		{"underscore", []string{"X_Service: reader", "X_Token: " + readerToken}, 401},
		{"underscore beside", []string{service, token, "X_Service: admin", "X_Token: " + adminToken}, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			is := is.New(t)
			f := newFixture(t)
			r := f.do("GET", "/api/whoami", "", c.headers...)
			is.Equal(r.status, c.status)
			if r.status == 200 {
				is.Equal(r.object(t)["service"], "reader")
				return
			}
			checkProblem(is, r)
			is.Equal(r.header.Get("WWW-Authenticate") != "", c.status == 401)
		})
	}
}

func TestAStrangerLearnsNothingFrom401(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	f.put(map[string]string{"newsbot/prod/db": "value"})
	whole := func(headers ...string) string {
		r := f.do("GET", "/api/secrets/newsbot/prod/db", "", append(headers, "X-Request-Id: same")...)
		is.Equal(r.status, 401)
		r.header.Del("Date")
		return fmt.Sprint(r.header, r.body)
	}
	wrong := whole("X-Service: reader", "X-Token: wrong-token-0123456789")
	is.Equal(whole("X-Service: nobody", "X-Token: wrong-token-0123456789"), wrong)
	is.Equal(whole("X-Service: nobody", "X-Token: "+readerToken), wrong)
	is.Equal(whole("X-Service: reader"), wrong)
	is.Equal(whole(), wrong)
}

func TestDeniedIsTheSameWhetherTheSecretExists(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	f.put(map[string]string{"newsbot/dev/db": "value"})
	whole := func(method, path, body string) string {
		r := f.as("reader", method, path, body, "X-Request-Id: same")
		is.Equal(r.status, 403)
		r.header.Del("Date")
		return fmt.Sprint(r.header, r.body)
	}
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		is.Equal(whole(method, "/api/secrets/newsbot/dev/db", `{"value":"v"}`), whole(method, "/api/secrets/newsbot/dev/no", `{"value":"v"}`))
		is.Equal(whole(method, "/api/secrets/newsbot/dev/db", `{"value":"v"}`), whole(method, "/api/secrets/nothing/dev/no", `{"value":"v"}`))
	}
}

func TestFailuresAreLimitedAndACorrectTokenPasses(t *testing.T) {
	is := is.New(t)
	f := serveOn(t, newStore(t), httpapi.Config{Guard: newGuard(t, guard.Config{FailuresPerMinute: 3})})
	for _, service := range []string{"reader", "nobody"} { // the same for a service that does not exist
		fail := func() reply {
			return f.do("GET", "/api/whoami", "", "X-Service: "+service, "X-Token: wrong-token-0123456789")
		}
		for range 3 {
			is.Equal(fail().status, 401)
		}
		limited := fail()
		is.Equal(limited.status, 429)
		is.Equal(limited.header.Get("Retry-After"), "20")
		checkProblem(is, limited)
	}
	is.Equal(f.as("reader", "GET", "/api/whoami", "").status, 200) // the good client behind the same address
	is.Equal(f.do("GET", "/api/whoami", "", "X-Service: writer", "X-Token: wrong-token-0123456789").status, 401)
}

func TestADefaultOfTwentyFailures(t *testing.T) {
	is := is.New(t)
	f := serveOn(t, newStore(t), httpapi.Config{})
	for range 20 {
		is.Equal(f.do("GET", "/api/whoami", "").status, 401)
	}
	is.Equal(f.do("GET", "/api/whoami", "").status, 429)
}

func TestFailuresCountByAddress(t *testing.T) {
	is := is.New(t)
	policy, err := myvault.ParsePolicy(settings)
	is.NoErr(err)
	vault, err := newStore(t).vault(policy, myvault.ReadsStrict)
	is.NoErr(err)
	defer vault.Close()
	handler, err := httpapi.New(vault, httpapi.Config{Guard: newGuard(t, guard.Config{FailuresPerMinute: 1})})
	is.NoErr(err)
	status := func(remote string) int {
		r := newRequest("GET", "/api/whoami")
		r.RemoteAddr = remote
		return record(handler, r).Code
	}
	is.Equal(status("192.0.2.1:1000"), 401)
	is.Equal(status("192.0.2.1:2000"), 429)
	is.Equal(status("192.0.2.2:1000"), 401)
	is.Equal(status("[2001:db8::1]:1000"), 401)
	is.Equal(status("[2001:db8::2]:1000"), 429) // the same network of 64 bits
	is.Equal(status("[2001:db8:0:1::1]:1000"), 401)
}

func TestALoginEndsWhenItsTokenLeavesThePolicy(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	is.Equal(f.as("reader", "GET", "/api/whoami", "").status, 200)
	policy, err := myvault.ParsePolicy(with(map[string]string{"TOKEN_reader": "another-token-0123456789"}))
	is.NoErr(err)
	f.vault.SetPolicy(policy)
	is.Equal(f.as("reader", "GET", "/api/whoami", "").status, 401)
}

func TestLoginsEnterTheTrail(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	is.Equal(f.do("GET", "/api/whoami", "", "X-Service: reader", "X-Token: wrong-token-0123456789", "X-Request-Id: r-1").status, 401)
	var failed []map[string]any
	for range 500 { // a failure is recorded within a second, after its answer
		if failed = f.as("admin", "GET", "/api/audit?outcome=unauthenticated", "").array(t); len(failed) > 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	is.Equal(len(failed), 1)
	is.Equal(failed[0]["service"], "reader")
	is.Equal(failed[0]["action"], "login")
	is.Equal(failed[0]["remote"], "127.0.0.1")
	is.Equal(failed[0]["request_id"], "r-1")
}

func TestRequestIDs(t *testing.T) {
	f := newFixture(t)
	for given, kept := range map[string]bool{
		"abc.DEF_1-2":           true,
		strings.Repeat("a", 64): true,
		strings.Repeat("a", 65): false,
		"":                      false,
		"a b":                   false,
		"ü":                     false,
		`a"b`:                   false,
		"a,b":                   false,
	} {
		t.Run(given, func(t *testing.T) {
			is := is.New(t)
			got := f.as("reader", "GET", "/api/whoami", "", "X-Request-Id: "+given).header.Get("X-Request-Id")
			is.Equal(got == given, kept)
			is.True(got != "" && len(got) <= 64)
			is.True(strings.Contains(f.logs.String(), `"id":"`+got+`"`))
		})
	}
	is := is.New(t)
	twice := f.as("reader", "GET", "/api/whoami", "", "X-Request-Id: a", "X-Request-Id: b").header.Get("X-Request-Id")
	is.True(twice != "a" && twice != "b")
	first, second := f.do("GET", "/", ""), f.do("GET", "/", "")
	is.True(first.header.Get("X-Request-Id") != second.header.Get("X-Request-Id"))
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	policy, err := myvault.ParsePolicy(settings)
	is.New(t).NoErr(err)
	vault, err := newStore(t).vault(policy, myvault.ReadsStrict)
	is.New(t).NoErr(err)
	defer vault.Close()
	t.Run("no vault", func(t *testing.T) {
		is := is.New(t)
		_, err := httpapi.New(nil, httpapi.Config{})
		isErr(is, err, myvault.ErrInvalid)
	})
	t.Run("nothing said", func(t *testing.T) {
		is := is.New(t)
		handler, err := httpapi.New(vault, httpapi.Config{})
		is.NoErr(err)
		is.Equal(record(handler, newRequest("GET", "/health")).Code, http.StatusOK)
	})
}

// TestTheTrailHasTheAddressOfAFailedLogin: that of the client behind a proxy.
func TestTheTrailHasTheAddressOfAFailedLogin(t *testing.T) {
	for peer, want := range map[string]string{"10.1.2.3": "203.0.113.1", "192.0.2.1": "192.0.2.1"} {
		synctest.Test(t, func(t *testing.T) {
			is := is.New(t)
			r := newRequest("GET", "/api/whoami")
			r.RemoteAddr = net.JoinHostPort(peer, "1000")
			r.Header["X-Forwarded-For"] = []string{"203.0.113.1"}
			is.Equal(failedFrom(t, r), want)
		})
	}
}

// failedFrom returns the address of a request without identity in the trail.
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
