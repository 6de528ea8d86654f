package myvault_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/internal/authority"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/tokens"
)

const spiffe = "spiffe://example.org/ns/prod/sa/newsbot"

// certSettings are services that prove themselves by certificate, by token, by either and by both.
var certSettings = map[string]string{
	"ALLOWED_SERVICES": "cert,token,either,both",
	"CERT_cert":        "uri:" + spiffe + ",dns:newsbot.internal,cn:news bot",
	"TOKEN_token":      "token-token-0123456789",
	"TOKEN_either":     "either-token-0123456789",
	"CERT_either":      "dns:either.internal",
	"TOKEN_both":       "both-token-0123456789",
	"CERT_both":        "dns:both.internal, with:token",
}

// certVault is a vault under certSettings with changes, in memory.
func certVault(t *testing.T) *myvault.Vault {
	t.Helper()
	v := openVault(t, myvault.Config{})
	v.SetPolicy(certPolicy(t, nil))
	return v
}

func certPolicy(t *testing.T, changes map[string]string) *myvault.Policy {
	t.Helper()
	settings := maps.Clone(certSettings)
	maps.Copy(settings, changes)
	for key, value := range settings {
		if value == "" {
			delete(settings, key)
		}
	}
	for name := range strings.SplitSeq(settings["ALLOWED_SERVICES"], ",") {
		settings["ALLOW_"+name] = "*/,*/@audit"
	}
	policy, err := myvault.ParsePolicy(settings)
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// verified returns the chains of a certificate as a handshake does.
func verified(t *testing.T, ca *authority.Authority, w authority.Wanted) [][]*x509.Certificate {
	t.Helper()
	return [][]*x509.Certificate{{ca.Client(t, w).Leaf, ca.Certificate}}
}

func TestCertificatesProveServices(t *testing.T) {
	ca := authority.New(t, "clients")
	v := certVault(t)
	client := func(w authority.Wanted) [][]*x509.Certificate { return verified(t, ca, w) }
	either, both := client(authority.Wanted{DNS: []string{"either.internal"}}), client(authority.Wanted{DNS: []string{"both.internal"}})
	cert := client(authority.Wanted{DNS: []string{"newsbot.internal"}})
	for name, c := range map[string]struct {
		credentials myvault.Credentials
		want        string // the service, and how; "": refused
	}{
		"by URI":                     {myvault.Credentials{VerifiedChains: client(authority.Wanted{URIs: []string{spiffe}})}, "cert certificate"},
		"by DNS name":                {myvault.Credentials{VerifiedChains: cert}, "cert certificate"},
		"by DNS name in capitals":    {myvault.Credentials{VerifiedChains: client(authority.Wanted{DNS: []string{"NewsBot.Internal"}})}, "cert certificate"},
		"by common name":             {myvault.Credentials{VerifiedChains: client(authority.Wanted{CommonName: "news bot"})}, "cert certificate"},
		"one of several names, last": {myvault.Credentials{VerifiedChains: client(authority.Wanted{DNS: []string{"x.internal", "newsbot.internal"}})}, "cert certificate"},
		"one of several names":       {myvault.Credentials{VerifiedChains: client(authority.Wanted{DNS: []string{"newsbot.internal", "x.internal"}})}, "cert certificate"},
		"and named":                  {myvault.Credentials{Service: "cert", VerifiedChains: cert}, "cert certificate"},
		"another named":              {myvault.Credentials{Service: "token", VerifiedChains: cert}, ""},
		"a stranger named":           {myvault.Credentials{Service: "nobody", VerifiedChains: cert}, ""},
		"with more of its subject":   {myvault.Credentials{VerifiedChains: client(authority.Wanted{CommonName: "news bot", Organization: "example"})}, "cert certificate"},
		"two common names":           {myvault.Credentials{VerifiedChains: client(authority.Wanted{CommonName: "x", LastCommonName: "news bot"})}, ""},
		"the same one twice":         {myvault.Credentials{VerifiedChains: client(authority.Wanted{CommonName: "news bot", LastCommonName: "news bot"})}, ""},
		"another case":               {myvault.Credentials{VerifiedChains: client(authority.Wanted{CommonName: "News Bot"})}, ""},
		"another URI":                {myvault.Credentials{VerifiedChains: client(authority.Wanted{URIs: []string{spiffe + "2"}})}, ""},
		"below the URI":              {myvault.Credentials{VerifiedChains: client(authority.Wanted{URIs: []string{spiffe + "/x"}})}, ""},
		"the URI with a query":       {myvault.Credentials{VerifiedChains: client(authority.Wanted{URIs: []string{spiffe + "?x"}})}, ""},
		"two URIs":                   {myvault.Credentials{VerifiedChains: client(authority.Wanted{URIs: []string{spiffe, "spiffe://example.org/x"}})}, ""},
		"a wildcard":                 {myvault.Credentials{VerifiedChains: client(authority.Wanted{DNS: []string{"*.internal"}})}, ""},
		"the DNS name as CN":         {myvault.Credentials{VerifiedChains: client(authority.Wanted{CommonName: "newsbot.internal"})}, ""},
		"of nobody":                  {myvault.Credentials{VerifiedChains: client(authority.Wanted{CommonName: "x"})}, ""},
		"of two services":            {myvault.Credentials{VerifiedChains: client(authority.Wanted{DNS: []string{"newsbot.internal", "either.internal"}})}, ""},
		"of two services, named":     {myvault.Credentials{Service: "either", VerifiedChains: client(authority.Wanted{DNS: []string{"newsbot.internal", "either.internal"}})}, "either certificate"},
		"token of one without":       {myvault.Credentials{Service: "cert", Token: "token-token-0123456789"}, ""},
		"empty token of one without": {myvault.Credentials{Service: "cert"}, ""},
		"either: token":              {myvault.Credentials{Service: "either", Token: "either-token-0123456789"}, "either header"},
		"either: certificate":        {myvault.Credentials{VerifiedChains: either}, "either certificate"},
		"either: a wrong token too":  {myvault.Credentials{Service: "either", Token: "x", VerifiedChains: either}, "either certificate"},
		"token, others' certificate": {myvault.Credentials{Service: "token", Token: "token-token-0123456789", VerifiedChains: cert}, "token header"},
		"both: both":                 {myvault.Credentials{Service: "both", Token: "both-token-0123456789", VerifiedChains: both}, "both certificate"},
		"both: both, not named":      {myvault.Credentials{Token: "both-token-0123456789", VerifiedChains: both}, "both certificate"},
		"both: token":                {myvault.Credentials{Service: "both", Token: "both-token-0123456789"}, ""},
		"both: certificate":          {myvault.Credentials{Service: "both", VerifiedChains: both}, ""},
		"both: a wrong token":        {myvault.Credentials{Service: "both", Token: "either-token-0123456789", VerifiedChains: both}, ""},
		"both: others' certificate":  {myvault.Credentials{Service: "both", Token: "both-token-0123456789", VerifiedChains: cert}, ""},
		"no chain":                   {myvault.Credentials{VerifiedChains: [][]*x509.Certificate{}}, ""},
		"empty chain":                {myvault.Credentials{VerifiedChains: [][]*x509.Certificate{{}}}, ""},
		"nil certificate":            {myvault.Credentials{VerifiedChains: [][]*x509.Certificate{{nil}}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			s, err := v.Login(t.Context(), c.credentials)
			if c.want == "" {
				is.True(errors.Is(err, myvault.ErrUnauthenticated))
				is.True(s == nil)
				return
			}
			is.NoErr(err)
			_, err = s.Rights(t.Context())
			is.NoErr(err)
			for e, err := range s.Trail(t.Context(), myvault.TrailFilter{}) {
				is.NoErr(err)
				is.Equal(e.Service+" "+e.Via, c.want)
				break
			}
		})
	}
}

// TestCertificatesOfOthersProveNothing: certificates that are not for clients, or not valid now.
func TestCertificatesOfOthersProveNothing(t *testing.T) {
	ca := authority.New(t, "clients")
	v := certVault(t)
	name := []string{"newsbot.internal"}
	use := func(usage ...x509.ExtKeyUsage) [][]*x509.Certificate {
		return [][]*x509.Certificate{{ca.Issue(t, authority.Wanted{DNS: name, Usage: usage}).Leaf, ca.Certificate}}
	}
	expired := authority.Wanted{DNS: name, Until: time.Now().Add(-time.Second)}
	old := *ca.Certificate
	old.NotAfter = time.Now().Add(-time.Second)
	authorityItself := *ca.Client(t, authority.Wanted{DNS: name}).Leaf
	authorityItself.IsCA = true
	for what, c := range map[string]struct {
		chains [][]*x509.Certificate
		good   bool
	}{
		"of a client":             {use(x509.ExtKeyUsageClientAuth), true},
		"of both":                 {use(x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth), true},
		"of a server":             {use(x509.ExtKeyUsageServerAuth), false},
		"of any use":              {use(x509.ExtKeyUsageAny), false},
		"of no use":               {use(), false},
		"of an authority":         {[][]*x509.Certificate{{&authorityItself, ca.Certificate}}, false},
		"expired":                 {verified(t, ca, expired), false},
		"not valid yet":           {verified(t, ca, authority.Wanted{DNS: name, Validity: time.Minute}), false},
		"of an expired authority": {[][]*x509.Certificate{{ca.Client(t, authority.Wanted{DNS: name}).Leaf, &old}}, false},
		"by another chain": {[][]*x509.Certificate{
			{ca.Client(t, authority.Wanted{DNS: name}).Leaf, &old}, {ca.Client(t, authority.Wanted{DNS: name}).Leaf, ca.Certificate},
		}, true},
	} {
		t.Run(what, func(t *testing.T) {
			is := is.New(t)
			_, err := v.Login(t.Context(), myvault.Credentials{Service: "cert", VerifiedChains: c.chains})
			is.Equal(err == nil, c.good)
		})
	}
}

// TestCertificateSessionsEnd with the identity, with the certificate, and if the policy requires
// more.
func TestCertificateSessionsEnd(t *testing.T) {
	ca := authority.New(t, "clients")
	for name, c := range map[string]struct {
		credentials myvault.Credentials
		changes     map[string]string
		stays       bool
	}{
		"nothing changes":     {myvault.Credentials{}, nil, true},
		"the identity leaves": {myvault.Credentials{}, map[string]string{"CERT_either": "dns:other.internal"}, false},
		"certificates leave":  {myvault.Credentials{}, map[string]string{"CERT_either": ""}, false},
		"the token leaves":    {myvault.Credentials{}, map[string]string{"TOKEN_either": ""}, true},
		"it moves to another": {myvault.Credentials{}, map[string]string{"CERT_either": "dns:o.internal", "CERT_token": "dns:either.internal"}, false},
		"both are asked for":  {myvault.Credentials{}, map[string]string{"CERT_either": "dns:either.internal,with:token"}, false},
		"both, and both were shown": {myvault.Credentials{Service: "both", Token: "both-token-0123456789"},
			map[string]string{"CERT_either": "dns:e.internal"}, true},
		"both, the token leaves":    {myvault.Credentials{Service: "both", Token: "both-token-0123456789"}, map[string]string{"TOKEN_both": "another-0123456789"}, false},
		"both, the identity leaves": {myvault.Credentials{Service: "both", Token: "both-token-0123456789"}, map[string]string{"CERT_both": "dns:o.internal,with:token"}, false},
		"a token, and both are asked for": {myvault.Credentials{Service: "token", Token: "token-token-0123456789"},
			map[string]string{"CERT_token": "dns:t.internal,with:token"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			v := certVault(t)
			c.credentials.VerifiedChains = verified(t, ca, authority.Wanted{DNS: []string{c.credentials.Service + ".internal"}})
			if c.credentials.Service == "" {
				c.credentials.VerifiedChains = verified(t, ca, authority.Wanted{DNS: []string{"either.internal"}})
			}
			s, err := v.Login(t.Context(), c.credentials)
			is.NoErr(err)
			x := extensionOf(t, v)
			authentication, err := x.Authentication(t.Context(), s)
			is.NoErr(err)
			resumed, err := x.Resume(s.Service(), authentication, nil)
			is.NoErr(err)
			again, err := x.Authentication(t.Context(), resumed)
			is.NoErr(err)
			is.Equal(again, authentication) // it comes back from its text
			v.SetPolicy(certPolicy(t, c.changes))
			for _, s := range []*myvault.Session{s, resumed} {
				_, err = s.Rights(t.Context())
				is.Equal(err == nil, c.stays)
				is.True(c.stays || errors.Is(err, myvault.ErrUnauthenticated))
			}
		})
	}
}

func TestASessionEndsWithItsCertificate(t *testing.T) {
	ca := authority.New(t, "clients")
	policy := certPolicy(t, nil)
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		time.Sleep(time.Until(ca.Certificate.NotBefore.Add(24 * time.Hour))) // the clock of the bubble begins in 2000
		chains := verified(t, ca, authority.Wanted{DNS: []string{"newsbot.internal"}, Until: time.Now().Add(time.Minute)})
		v, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
		is.NoErr(err)
		defer v.Close()
		s, err := v.Login(t.Context(), myvault.Credentials{VerifiedChains: chains})
		is.NoErr(err)
		for _, c := range []struct {
			after time.Duration
			good  bool
		}{{59 * time.Second, true}, {time.Minute, true}, {time.Minute + 1, false}, {time.Minute + time.Second - 1, false}, {61 * time.Second, false}} {
			time.Sleep(time.Until(chains[0][0].NotAfter.Add(c.after - time.Minute)))
			_, open := s.Rights(t.Context())
			is.Equal(open == nil, c.good)
			is.True(c.good || errors.Is(open, myvault.ErrUnauthenticated))
			_, again := v.Login(t.Context(), myvault.Credentials{VerifiedChains: chains})
			is.Equal(again == nil, c.good) // neither lasts longer than the other
		}
	})
}

func TestCertificateSettingsAreStrict(t *testing.T) {
	settings := func(line string) map[string]string {
		return map[string]string{"ALLOWED_SERVICES": "a,b", "TOKEN_b": "b-token-0123456789", "CERT_b": "dns:b.internal", "CERT_a": line}
	}
	for _, good := range []string{
		"uri:" + spiffe, "uri:spiffe://example.org", "uri:https://a.b/C_d-e.f", "dns:a", "dns:a-b.c1", "cn:a", "cn:A b/c:d", " dns:x , cn:y ", "dns:x,dns:y",
	} {
		if _, err := myvault.ParsePolicy(settings(good)); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"a", "dns", "dns:", "uri:", "cn:", "DNS:a", "email:a@b", "dns:A", "dns:*.a", "dns:a.", "dns:.a", "dns:a..b", "dns:-a", "dns:a_b", "dns:a:1", "dns:ü",
		"dns:" + strings.Repeat("a", 64), "uri:spiffe:/x/y", "uri://x/y", "uri:SPIFFE://x/y", "uri:spiffe://X/y", "uri:spiffe://x/", "uri:spiffe://x/y/", "uri:spiffe://x//y",
		"uri:spiffe://x/../y", "uri:spiffe://x/%41", "uri:spiffe://x/y?z", "uri:spiffe://x/y#z", "uri:spiffe://u@x/y", "uri:spiffe://x:1/y", "cn:ü", "cn:" + strings.Repeat("a", 65),
		"uri:://x/y", "uri:spiffe://x/./y", "uri:spiffe://x/" + strings.Repeat("a", 2048), "dns:" + strings.Repeat("abcdefg.", 32) + "a", "dns:a-", "dns:a-.b",
		"cn: a", "dns:x,", "dns:x,dns:x", "dns:b.internal", "dns:x,with:token,with:token", "with:token", "with:certificate", "dns:x,with:token",
	} {
		_, err := myvault.ParsePolicy(settings(bad))
		if !errors.Is(err, myvault.ErrInvalid) {
			t.Errorf("%q is taken", bad)
		}
	}
	is := is.New(t)
	_, err := myvault.ParsePolicy(map[string]string{"ALLOWED_SERVICES": "a,b", "CERT_a": "dns:A,x,cn:c", "CERT_b": "uri:q,cn:c", "CERT_c": "dns:z"})
	for _, want := range []string{"CERT_a: item 1", "CERT_a: item 2", "CERT_b: item 1", "it belongs to a already", "CERT_c: the service is not"} {
		is.True(strings.Contains(err.Error(), want)) // everything at once
	}
}

// TestIdentitiesInGo: identities that a .env cannot contain are refused. There a comma begins the
// next one, and blanks around it are trimmed.
func TestIdentitiesInGo(t *testing.T) {
	is := is.New(t)
	for identity, good := range map[string]bool{"cn:a b": true, "cn:a,b": false, "cn:a ": false, " cn:a": false} {
		_, err := myvault.NewPolicy(myvault.Service{Name: "a", Certificates: []string{identity}})
		is.Equal(err == nil, good)
		is.True(good || errors.Is(err, myvault.ErrInvalid))
	}
}

func TestParseProofOfCertificates(t *testing.T) {
	x, hex := extensionOf(t, openVault(t, myvault.Config{})), fmt.Sprintf("%064x", 1)
	for text, good := range map[string]bool{
		"certificate:17:dns:a": true, "both:" + hex + ":17:cn:a b": true,
		"certificate:017:dns:a": false, "certificate:17:dns:A": false, "certificate:17:": false, "certificate::dns:a": false, "certificate:17:with:token": false,
		"both:17:dns:a": false, "both:" + hex[1:] + ":17:dns:a": false, "both:" + hex + ":dns:a": false, "token:" + hex + ":17:dns:a": false, "token:" + hex: true,
	} {
		_, err := x.Resume("newsbot", text, nil)
		if errors.Is(err, myvault.ErrUnauthenticated) != good || !good && !errors.Is(err, myvault.ErrInvalid) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestCredentialsNeverPrint with any verb, logger or encoder.
func TestCredentialsNeverPrint(t *testing.T) {
	type login struct{ C any }
	shared, bearer := myvault.Credentials{Service: canary, Token: canary}, tokens.Credentials{Bearer: canary}
	for name, shape := range map[string]any{
		"shared": shared, "pointer": &shared, "in a struct": login{shared}, "in a slice": []myvault.Credentials{shared},
		"bearer": bearer, "pointer to bearer": &bearer, "bearer in a struct": login{&bearer}, "bearer in a map": map[string]tokens.Credentials{"k": bearer},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			var text bytes.Buffer
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%08b", "%o", "%O", "%c", "%t", "%T", "%U", "%e", "%g", "%10.3s"} {
				fmt.Fprintf(&text, verb+"\n", shape)
			}
			fmt.Fprintln(&text, shape)
			for _, h := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&text, nil)} {
				slog.New(h).Info("m", "c", shape)
			}
			for _, encode := range []func(any) ([]byte, error){json.Marshal, xml.Marshal} {
				_, err := encode(shape)
				is.True(err != nil) // otherwise the token would be in the output
				fmt.Fprintln(&text, err)
			}
			for _, leak := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprintf("% x", canary), strings.Trim(fmt.Sprint([]byte(canary)), "[]")} {
				is.True(!strings.Contains(text.String(), leak)) // printed the token
			}
		})
	}
}

// TestPrintersThatDoNotCallFormat call one of these methods, or print the fields.
func TestPrintersThatDoNotCallFormat(t *testing.T) {
	is := is.New(t)
	for _, secret := range []any{
		myvault.Text(canary), myvault.Credentials{Token: canary}, tokens.Credentials{Bearer: canary}, crypto.NewKey(),
	} {
		stringer, ok := secret.(fmt.Stringer)
		is.True(ok)
		is.Equal(stringer.String(), "[REDACTED]")
		goStringer, ok := secret.(fmt.GoStringer)
		is.True(ok)
		is.Equal(goStringer.GoString(), "[REDACTED]")
	}
}
