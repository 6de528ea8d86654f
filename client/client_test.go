package client_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/client"
	"github.com/myswiftagent/myvault/internal/authority"
	"github.com/myswiftagent/myvault/tokens"
	"github.com/myswiftagent/myvault/usage"
	"github.com/myswiftagent/myvault/vaulttest"
)

// TestNewRefuses lists configs that cannot work.
func TestNewRefuses(t *testing.T) {
	good := client.Config{Address: "https://vault.example.org/prefix/", Service: "newsbot", Token: myvault.Text(hostileToken)}
	use := func(client.CacheUse) {}
	for name, change := range map[string]func(*client.Config){
		"no address":         func(c *client.Config) { c.Address = "" },
		"a host":             func(c *client.Config) { c.Address = "vault.example.org" },
		"a password":         func(c *client.Config) { c.Address = "https://a:" + hostileToken + "@vault.example.org" },
		"a query":            func(c *client.Config) { c.Address += "?x=1" },
		"a fragment":         func(c *client.Config) { c.Address += "#x" },
		"another scheme":     func(c *client.Config) { c.Address = "ftp://vault.example.org" },
		"plain text":         func(c *client.Config) { c.Address = "http://vault.example.org" },
		"a malformed URL":    func(c *client.Config) { c.Address = "https://" + hostileToken + "%zz/" },
		"a service":          func(c *client.Config) { c.Service = hostileToken + " x" },
		"no service":         func(c *client.Config) { c.Service = "" },
		"two tokens":         func(c *client.Config) { c.Bearer = myvault.Text("x") },
		"no identity":        func(c *client.Config) { c.Token = myvault.Value{} },
		"a negative timeout": func(c *client.Config) { c.Timeout = -1 },
		"a negative number":  func(c *client.Config) { c.Attempts = -1 },
		"a cache without a file": func(c *client.Config) {
			c.Cache = &client.Cache{OnUse: use}
		},
		"a silent cache": func(c *client.Config) { c.Cache = &client.Cache{File: "x"} },
		"a cache of no service": func(c *client.Config) {
			c.Token, c.Bearer, c.Service = myvault.Value{}, myvault.Text("x"), ""
			c.Cache = &client.Cache{File: "x", OnUse: use}
		},
		"a cache without a key": func(c *client.Config) {
			c.Token = myvault.Value{}
			c.Credentials = func(context.Context) (client.Credentials, error) { return client.Credentials{}, nil }
			c.Cache = &client.Cache{File: "x", OnUse: use}
		},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			_, err := client.New(good)
			is.NoErr(err)
			config := good
			change(&config)
			_, err = client.New(config)
			isErr(is, err, myvault.ErrInvalid)
			is.True(!strings.Contains(err.Error(), "very-secret"))
		})
	}
	is := is.New(t)
	plain := good
	plain.Address, plain.Plaintext = "http://vault.example.org", true
	_, err := client.New(plain)
	is.NoErr(err)
	c, err := client.New(good)
	is.NoErr(err)
	is.True(!strings.Contains(fmt.Sprintf("%v %+v %#v", c, *c, good), "very-secret"))
}

// TestWrongToken: the error is that of a session that has ended, and is not repeated.
func TestWrongToken(t *testing.T) {
	is := is.New(t)
	s := serve(t, "memory")
	p := newFaultyProxy(t, s)
	for _, config := range []client.Config{
		{Service: "admin", Token: myvault.Text("a-wrong-token-0123456")}, {Service: "nobody", Token: myvault.Text("a-wrong-token-0123456")},
		{Bearer: myvault.Text("no-macaroon")},
	} {
		config.Address = p.URL
		before := p.requests.Load()
		_, err := newClient(t, config).Get(t.Context(), db)
		isErr(is, err, myvault.ErrUnauthenticated)
		is.Equal(p.requests.Load(), before+1)
	}
	_, err := newClient(t, client.Config{Address: p.URL, Service: "admin", Token: myvault.Text("a token\nX-Service: root")}).Get(t.Context(), db)
	isErr(is, err, myvault.ErrInvalid)
}

// TestCapabilityTokens mints, uses, lists and revokes a token.
func TestCapabilityTokens(t *testing.T) {
	is := is.New(t)
	s := serve(t, "sqlite")
	admin := s.as(t, "admin")
	_, err := admin.Put(t.Context(), db, myvault.Text("hunter2"))
	is.NoErr(err)
	rule, err := myvault.ParseRule("newsbot/prod/@read")
	is.NoErr(err)
	token, err := admin.MintToken(t.Context(), tokens.Grant{Rules: []myvault.Rule{rule}, Lifetime: time.Minute})
	is.NoErr(err)
	is.Equal(token.Service, "admin")
	is.Equal(token.ExpiresAt.Sub(token.IssuedAt), time.Minute)

	bearer := newClient(t, client.Config{Address: s.URL, Credentials: func(context.Context) (client.Credentials, error) {
		return client.Credentials{Bearer: token.Bearer}, nil
	}})
	secret, err := bearer.Get(t.Context(), db)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "hunter2")
	_, err = bearer.Put(t.Context(), db, myvault.Text("x"))
	isErr(is, err, myvault.ErrDenied)
	_, err = bearer.MintToken(t.Context(), tokens.Grant{Rules: []myvault.Rule{rule}})
	isErr(is, err, myvault.ErrDenied)
	identity, err := bearer.Whoami(t.Context())
	is.NoErr(err)
	is.Equal(identity.Service, "admin")
	is.Equal(identity.Store, "sqlite")
	is.Equal(fmt.Sprint(identity.Rights.Limits), "[[newsbot/prod/@read]]")

	all, err := collect(admin.Tokens(t.Context()))
	is.NoErr(err)
	is.Equal(len(all), 1)
	is.Equal(all[0].ID, token.ID)
	is.Equal(all[0].Bearer.Len(), 0)
	is.NoErr(admin.RevokeToken(t.Context(), token.ID))
	isErr(is, admin.RevokeToken(t.Context(), token.ID), myvault.ErrNotFound)
	_, err = bearer.Get(t.Context(), db)
	isErr(is, err, myvault.ErrUnauthenticated)
	_, err = admin.MintToken(t.Context(), tokens.Grant{})
	isErr(is, err, myvault.ErrInvalid)
	_, err = admin.MintToken(t.Context(), tokens.Grant{Rules: []myvault.Rule{rule}, Lifetime: time.Millisecond})
	isErr(is, err, myvault.ErrInvalid)
}

func TestCredentialsFail(t *testing.T) {
	is := is.New(t)
	s := serve(t, "memory")
	broken := errors.New("no token yet")
	c := newClient(t, client.Config{Address: s.URL, Credentials: func(context.Context) (client.Credentials, error) { return client.Credentials{}, broken }})
	_, err := c.Get(t.Context(), db)
	isErr(is, err, broken)
	isErr(is, err, myvault.ErrUnauthenticated)
}

func TestPutGenerated(t *testing.T) {
	is := is.New(t)
	c := serve(t, "memory").as(t, "admin")
	info, err := c.PutGenerated(t.Context(), db, client.Generate{Length: 40, Alphabet: "hex"}, expires, expires)
	is.NoErr(err)
	is.Equal(info.Expires, expires.Truncate(time.Microsecond))
	secret, err := c.Get(t.Context(), db)
	is.NoErr(err)
	is.Equal(secret.Value.Len(), 40)
	_, err = c.PutGenerated(t.Context(), db, client.Generate{}, time.Time{}, time.Time{}, myvault.IfPresent())
	is.NoErr(err)
	_, err = c.PutGenerated(t.Context(), db, client.Generate{}, time.Time{}, time.Time{}, myvault.IfAbsent())
	is.Equal(err.Error(), "myvault: put newsbot/prod/db: already exists")
	_, err = c.PutGenerated(t.Context(), db, client.Generate{Length: 3}, time.Time{}, time.Time{}, myvault.IfVersion(2))
	isErr(is, err, myvault.ErrInvalid)
	entries, err := collect(c.Trail(t.Context(), myvault.TrailFilter{Action: "generate", Outcome: myvault.OutcomeOK}))
	is.NoErr(err)
	is.Equal(len(entries), 2)
}

func TestUsageAndHealth(t *testing.T) {
	is := is.New(t)
	s := serve(t, "sqlite")
	c := s.as(t, "admin")
	is.NoErr(c.Health(t.Context()))
	is.NoErr(c.Ready(t.Context()))
	for _, addr := range []myvault.Address{db, other} {
		_, err := c.Put(t.Context(), addr, myvault.Text("x"))
		is.NoErr(err)
	}
	_, err := c.Get(t.Context(), db)
	is.NoErr(err)
	var used []usage.Secret
	for options, more := (usage.Options{}), true; more; {
		page, err := c.UsagePage(t.Context(), options, 1)
		is.NoErr(err)
		used, options.After, more = append(used, page.Items...), page.Next, page.More
	}
	is.Equal(len(used), 2)
	is.Equal(used[0].Address, db)
	is.Equal(used[0].ReadBy, "admin")
	is.True(!used[0].LastRead.IsZero())
	is.True(used[1].LastRead.IsZero())
}

// TestTLS: an unknown authority is no server, and is asked once.
func TestTLS(t *testing.T) {
	is := is.New(t)
	s := serve(t, "memory")
	secure := httptest.NewUnstartedServer(s.Config.Handler)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // of the refused handshake
	secure.StartTLS()
	defer secure.Close()
	config := client.Config{Address: secure.URL, Service: "admin", Token: myvault.Text(vaulttest.Token("admin"))}
	_, err := newClient(t, config).Get(t.Context(), db)
	isErr(is, err, myvault.ErrUnavailable)
	is.True(strings.Contains(err.Error(), "certificate"))
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	config.TLS = &tls.Config{RootCAs: roots}
	c := newClient(t, config)
	_, err = c.Put(t.Context(), db, myvault.Text("x"))
	is.NoErr(err)
	_, err = c.Get(t.Context(), db)
	is.NoErr(err)
}

// TestPrefix: the API may be below a path.
func TestPrefix(t *testing.T) {
	is := is.New(t)
	s := serve(t, "memory")
	below := httptest.NewServer(http.StripPrefix("/vault", s.Config.Handler))
	defer below.Close()
	c := newClient(t, client.Config{Address: below.URL + "/vault/", Service: "admin", Token: myvault.Text(vaulttest.Token("admin"))})
	for _, addr := range []myvault.Address{db, other} {
		_, err := c.Put(t.Context(), addr, myvault.Text("x"))
		is.NoErr(err)
	}
	page, err := c.ListPage(t.Context(), myvault.ListOptions{}, 1)
	is.NoErr(err)
	is.True(page.More)
	page, err = c.ListPage(t.Context(), myvault.ListOptions{After: page.Next}, 1)
	is.NoErr(err)
	is.Equal(page.Items[0].Address, other)
}

// TestClientCertificate: a certificate is the identity, without a service or a token.
func TestClientCertificate(t *testing.T) {
	is := is.New(t)
	s := serve(t, "memory")
	policy, err := myvault.NewPolicy(append(services(t), myvault.Service{
		Name: "robot", Certificates: []string{"dns:robot.internal"}, Allow: vaulttest.Service(t, "robot", "newsbot/").Allow,
	})...)
	is.NoErr(err)
	s.vault.SetPolicy(policy)
	ca := authority.New(t, "all")
	secure := httptest.NewUnstartedServer(s.Config.Handler)
	secure.TLS = &tls.Config{
		Certificates: []tls.Certificate{ca.Server(t).TLS(t)}, ClientCAs: authority.Pool(ca), ClientAuth: tls.VerifyClientCertIfGiven,
	}
	secure.StartTLS()
	defer secure.Close()
	pair := ca.Client(t, authority.Wanted{DNS: []string{"robot.internal"}}).TLS(t)
	c := newClient(t, client.Config{
		Address: secure.URL, TLS: &tls.Config{RootCAs: authority.Pool(ca), Certificates: []tls.Certificate{pair}},
	})
	identity, err := c.Whoami(t.Context())
	is.NoErr(err)
	is.Equal(identity.Service, "robot")
	_, err = c.Put(t.Context(), db, myvault.Text("x"))
	is.NoErr(err)
}
