package httpapi_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/guard"
	"github.com/myswiftagent/myvault/tokens"
)

// mint mints a token as service over HTTP and returns its id and secret.
func (f *fixture) mint(service, body string) (id, bearer string) {
	f.t.Helper()
	r := f.as(service, "POST", "/api/tokens", body)
	if r.status != http.StatusCreated {
		f.t.Fatalf("minting answered %d: %s", r.status, r.body)
	}
	made := r.object(f.t)
	return made["id"].(string), made["token"].(string)
}

func bearerOf(secret string) string { return "Authorization: Bearer " + secret }

func TestCapabilityTokens(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	f.put(map[string]string{"newsbot/prod/db": "hunter2", "newsbot/prod/smtp": "x", "newsbot/dev/db": "x"})
	id, secret := f.mint("reader", `{"rules":["newsbot/prod/db","newsbot/dev/"],"lifetime_seconds":60}`)
	got := f.do("GET", db, "", bearerOf(secret), "X-Request-Id: r-7")
	is.Equal(got.status, 200)
	is.Equal(got.object(t)["value"], "hunter2")
	is.Equal(f.do("GET", "/api/secrets/newsbot/prod/smtp", "", bearerOf(secret)).status, 403)       // the token may not
	is.Equal(f.do("GET", "/api/secrets/newsbot/dev/db", "", bearerOf(secret)).status, 403)          // the service may not
	is.Equal(f.do("POST", "/api/tokens", `{"rules":["newsbot/"]}`, bearerOf(secret)).status, 403)   // nor mint
	is.Equal(f.do("DELETE", "/api/tokens/"+id, "", bearerOf(secret)).status, 403)                   // nor revoke
	is.Equal(f.do("GET", "/api/tokens", "", bearerOf(secret)).status, 403)                          // nor see them
	is.Equal(f.do("GET", "/api/whoami", "", "authorization: bEARER "+secret).status, 200)           // the scheme's case is free
	is.Equal(f.as("reader", "GET", "/api/whoami", "", "Authorization: Basic cHJveHk=").status, 200) // a proxy's affair

	narrowed, err := tokens.Narrow(myvault.Text(secret), tokens.Actions(myvault.List))
	is.NoErr(err)
	is.Equal(f.do("GET", db, "", bearerOf(narrowed.Reveal())).status, 403)
	is.Equal(f.do("GET", history, "", bearerOf(narrowed.Reveal())).status, 200)

	entries := f.as("admin", "GET", "/api/audit?service=reader&action=read&outcome=ok", "").array(t)
	is.Equal(len(entries), 1)
	is.Equal(entries[0]["via"], "capability")
	is.Equal(entries[0]["request_id"], "r-7")
	listed := f.as("reader", "GET", "/api/tokens", "")
	is.True(!strings.Contains(listed.body, secret))
	is.Equal(listed.array(t)[0]["id"], id)
	is.Equal(f.as("writer", "DELETE", "/api/tokens/"+id, "").status, 404)
	is.Equal(f.as("reader", "DELETE", "/api/tokens/"+id, "").status, 204)
	gone := f.as("reader", "DELETE", "/api/tokens/"+id, "")
	is.Equal(gone.status, 404)
	is.True(strings.Contains(gone.body, "token") && !strings.Contains(gone.body, "secret")) // it is about the token
	is.Equal(f.do("GET", db, "", bearerOf(secret)).status, 401)
	is.Equal(f.do("GET", db, "", bearerOf(narrowed.Reveal())).status, 401)
	is.Equal(f.as("reader", "GET", "/api/tokens", "").body, "[]")
	is.True(!strings.Contains(f.logs.String(), secret))
}

// TestLifetimesOutOfRange are refused for each caller, if too short or too long.
func TestLifetimesOutOfRange(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	_, bearer := f.mint("reader", `{"rules":["newsbot/"]}`)
	issuer, err := tokens.New(f.vault, tokens.Config{})
	is.NoErr(err)
	most := int(issuer.MaxLifetime() / time.Second)
	is.Equal(most, 30*24*60*60)
	is.Equal(f.as("reader", "POST", "/api/tokens", fmt.Sprintf(`{"rules":["newsbot/"],"lifetime_seconds":%d}`, most)).status, 201)
	for _, seconds := range []string{"0", "-1", "0.5", fmt.Sprint(most + 1), "4294967295", "4294967296", "1e30"} {
		body := `{"rules":["newsbot/"],"lifetime_seconds":` + seconds + `}`
		r := f.as("reader", "POST", "/api/tokens", body)
		checkProblem(is, r)
		is.Equal(r.status, 422)
		is.Equal(f.do("POST", "/api/tokens", body, bearerOf(bearer)).status, 422) // the body comes before the policy
		if seconds == fmt.Sprint(most+1) {
			is.True(strings.Contains(r.body, fmt.Sprint(most)))
		}
	}
}

// TestABearerIsToldNoPolicy: the limits of its token are all that it sees.
func TestABearerIsToldNoPolicy(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	_, secret := f.mint("reader", `{"rules":["newsbot/prod/db@read","*/@list"]}`)
	narrowed, err := tokens.Narrow(myvault.Text(secret), tokens.Actions(myvault.Read))
	is.NoErr(err)
	r := f.do("GET", "/api/whoami", "", bearerOf(narrowed.Reveal()))
	is.Equal(r.body, `{"service":"reader","allow":[],"deny":[],"limits":[["newsbot/prod/db@read","*/@list"],["*/@read"]]}`)
	_, named := f.as("reader", "GET", "/api/whoami", "").object(t)["limits"]
	is.True(!named) // the service itself sees its rules
	for action, want := range map[string]string{
		"read":    `{"allowed":true,"rule":"","reason":"this session may"}`,
		"write":   `{"allowed":false,"rule":"","reason":"this session may not: it is restricted, or the policy does not allow it"}`,
		"destroy": `{"allowed":false,"rule":"","reason":"this session may not: it is restricted, or the policy does not allow it"}`,
	} {
		r := f.do("GET", "/api/policy/explain?project=newsbot&path=prod/db&action="+action, "", bearerOf(narrowed.Reveal()))
		is.Equal(r.body, want)
	}
}

func TestABearerTokenIsTheOneIdentity(t *testing.T) {
	f := newFixture(t)
	_, secret := f.mint("reader", `{"rules":["newsbot/"]}`)
	_, another := f.mint("writer", `{"rules":["newsbot/"]}`)
	const service, shared = "X-Service: reader", "X-Token: " + readerToken
	for name, c := range map[string]struct {
		headers []string
		status  int
	}{
		"alone":                {[]string{bearerOf(secret)}, 200},
		"beside both":          {[]string{bearerOf(secret), service, shared}, 400},
		"beside the service":   {[]string{bearerOf(secret), service}, 400},
		"beside the token":     {[]string{bearerOf(secret), shared}, 400},
		"wrong, beside both":   {[]string{bearerOf("x"), service, shared}, 400},
		"twice":                {[]string{bearerOf(secret), bearerOf(secret)}, 400},
		"two":                  {[]string{bearerOf(secret), bearerOf(another)}, 400},
		"two in a line":        {[]string{bearerOf(secret + ", Bearer " + another)}, 401},
		"two blanks":           {[]string{"Authorization: Bearer  " + secret}, 401},
		"a blank behind":       {[]string{bearerOf(secret + " x")}, 401},
		"empty":                {[]string{"Authorization: Bearer"}, 401},
		"empty, beside both":   {[]string{"Authorization: Bearer", service, shared}, 400},
		"in another header":    {[]string{"X-Authorization: Bearer " + secret}, 401},
		"another scheme":       {[]string{"Authorization: Basic " + secret}, 401},
		"as a shared token":    {[]string{service, "X-Token: " + secret}, 401},
		"a shared one":         {[]string{bearerOf(readerToken)}, 401},
		"underscore":           {[]string{"Authorization_: Bearer " + secret}, 401},
		"Basic and one Bearer": {[]string{"Authorization: Basic eA==", bearerOf(secret)}, 400},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			r := f.do("GET", "/api/whoami", "", c.headers...)
			is.Equal(r.status, c.status)
			if r.status == 200 {
				is.Equal(r.object(t)["service"], "reader")
			} else {
				checkProblem(is, r)
			}
		})
	}
}

// TestNothingIsLearnedFrom401OfABearer: the response is that of a wrong shared token.
func TestNothingIsLearnedFrom401OfABearer(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	id, revoked := f.mint("reader", `{"rules":["newsbot/"]}`)
	is.Equal(f.as("reader", "DELETE", "/api/tokens/"+id, "").status, 204)
	_, live := f.mint("reader", `{"rules":["newsbot/"]}`)
	_, bound := f.mint("reader", `{"rules":["newsbot/"],"certificate_sha256":"`+strings.Repeat("ab", 32)+`"}`)
	whole := func(headers ...string) string {
		r := f.do("GET", db, "", append(headers, "X-Request-Id: same")...)
		is.Equal(r.status, 401)
		is.Equal(r.header.Get("WWW-Authenticate"), `MyVault realm="myVault", Bearer realm="myVault"`)
		r.header.Del("Date")
		return fmt.Sprint(r.header, r.body)
	}
	want := whole("X-Service: reader", "X-Token: wrong-token-0123456789")
	is.Equal(whole("X-Service: nobody", "X-Token: wrong-token-0123456789"), want)
	for _, secret := range []string{revoked, live[:len(live)-2] + "AA", live[1:], bound, "", strings.Repeat("A", 9000)} {
		is.Equal(whole(bearerOf(secret)), want)
	}
}

func TestFailuresOfBearersAreLimited(t *testing.T) {
	is := is.New(t)
	f := serveOn(t, newStore(t), httpapi.Config{Guard: newGuard(t, guard.Config{FailuresPerMinute: 3})})
	_, secret := f.mint("reader", `{"rules":["newsbot/"]}`)
	for n := range 6 {
		is.Equal(f.do("GET", "/api/whoami", "", bearerOf(fmt.Sprint("wrong-", n))).status, map[bool]int{true: 401, false: 429}[n < 3])
	}
	is.Equal(f.do("GET", "/api/whoami", "", bearerOf(secret)).status, 200) // a good one behind the same address
	is.Equal(f.as("reader", "GET", "/api/whoami", "").status, 200)
}

// TestATokenNeedsTheCertificateOfTheConnection that was verified; one that was merely shown
// is none.
func TestATokenNeedsTheCertificateOfTheConnection(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	leaf := &x509.Certificate{Raw: []byte("a certificate in DER")}
	sum := sha256.Sum256(leaf.Raw)
	_, secret := f.mint("reader", `{"rules":["newsbot/"],"certificate_sha256":"`+hex.EncodeToString(sum[:])+`"}`)
	for _, c := range []struct {
		state  *tls.ConnectionState
		status int
	}{
		{nil, 401},
		{&tls.ConnectionState{}, 401},
		{&tls.ConnectionState{PeerCertificates: []*x509.Certificate{leaf}}, 401},
		{&tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{{Raw: []byte("another")}, leaf}}}, 401},
		{&tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf}}}, 200},
	} {
		r := newRequest("GET", "/api/whoami")
		r.Header.Set("Authorization", "Bearer "+secret)
		r.TLS = c.state
		is.Equal(record(f.handler, r).Code, c.status)
	}
}

func TestWithoutAnIssuer(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	id, secret := f.mint("reader", `{"rules":["newsbot/"]}`)
	handler, err := httpapi.New(f.vault, httpapi.Config{})
	is.NoErr(err)
	ask := func(method, target, name, value string) int {
		r := newRequest(method, target)
		r.Header.Set("X-Service", "reader")
		r.Header.Set("X-Token", readerToken)
		if name != "" {
			r.Header = http.Header{name: {value}}
		}
		return record(handler, r).Code
	}
	is.Equal(ask("GET", "/api/tokens", "", ""), 501)
	is.Equal(ask("POST", "/api/tokens", "", ""), 501)
	is.Equal(ask("DELETE", "/api/tokens/"+id, "", ""), 501)
	is.Equal(ask("GET", "/api/whoami", "Authorization", "Bearer "+secret), 401)
	is.Equal(ask("GET", "/api/whoami", "", ""), 200)
}

// TestTheIssuerIsThatOfTheVault: bearers of another's tokens would be served from its vault.
func TestTheIssuerIsThatOfTheVault(t *testing.T) {
	is := is.New(t)
	f, other := newFixture(t), newFixture(t)
	issuer, err := tokens.New(other.vault, tokens.Config{})
	is.NoErr(err)
	_, err = httpapi.New(f.vault, httpapi.Config{Tokens: issuer})
	is.True(errors.Is(err, myvault.ErrInvalid))
	_, err = httpapi.New(other.vault, httpapi.Config{Tokens: issuer})
	is.NoErr(err)
}
