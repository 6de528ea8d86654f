package myvault

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The kinds of identity that a client certificate may prove, as a CERT_ line names them.
const (
	uriKind  = "uri:"
	dnsKind  = "dns:"
	nameKind = "cn:"
	// withToken in a CERT_ line says that the token is needed too.
	withToken = "with:token"
)

// Size limits of identities, in bytes: of SPIFFE, DNS (RFC 1035) and X.520.
const (
	maxURI        = 2048
	maxHost       = 253
	maxLabel      = 63
	maxCommonName = 64
	maxIdentities = 16 // of one service
)

// parseIdentity checks an identity such as "uri:spiffe://example.org/newsbot". There is one way to
// write each, so that equal ones are equal texts.
func parseIdentity(text string) error {
	wrong := func(reason string) error { return fmt.Errorf("%w certificate identity: %s", ErrInvalid, reason) }
	if uri, found := strings.CutPrefix(text, uriKind); found {
		if !validURI(uri) {
			return wrong("a uri is scheme://host/path in lower-case scheme and host, such as uri:spiffe://example.org/newsbot; its segments hold letters, digits and . _ -")
		}
		return nil
	}
	if name, found := strings.CutPrefix(text, dnsKind); found {
		if !validHost(name, "") {
			return wrong("a dns name is lower case, without a wildcard, port or final dot, such as dns:newsbot.internal")
		}
		return nil
	}
	if name, found := strings.CutPrefix(text, nameKind); found {
		if name == "" || len(name) > maxCommonName || strings.Trim(name, " ") != name || strings.ContainsFunc(name, unprintable) {
			return wrong("a cn is 1 to 64 characters of visible ASCII with inner blanks, without a comma, such as cn:newsbot")
		}
		return nil
	}
	return wrong("want uri:, dns: or cn: and what stands in the certificate")
}

func unprintable(r rune) bool { return r < ' ' || r > '~' || r == ',' }

// validURI takes the URIs of SPIFFE, with any scheme.
func validURI(uri string) bool {
	scheme, rest, found := strings.Cut(uri, "://")
	if !found || len(uri) > maxURI || scheme == "" || strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyz0123456789+-.") != "" {
		return false
	}
	host, path, found := strings.Cut(rest, "/")
	if !validHost(host, "_") {
		return false
	}
	if !found {
		return true
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment == "." || segment == ".." || strings.ContainsFunc(segment, unfitForSegment) {
			return false
		}
	}
	return true
}

func unfitForSegment(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
}

// validHost takes a name of the DNS in lower case; more are characters allowed besides.
func validHost(name, more string) bool {
	if len(name) > maxHost {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-"+more) != "" {
			return false
		}
	}
	return true
}

// identitiesOf gives what a certificate says of whom it is for, as CERT_ lines name it. What
// it says twice it does not say: of several URIs (SPIFFE forbids them) or common names none counts.
func identitiesOf(leaf *x509.Certificate) []string {
	var identities []string
	if len(leaf.URIs) == 1 {
		identities = append(identities, uriKind+leaf.URIs[0].String())
	}
	for _, name := range leaf.DNSNames {
		identities = append(identities, dnsKind+strings.ToLower(name))
	}
	named := 0
	for _, attribute := range leaf.Subject.Names {
		if attribute.Type.Equal(asn1.ObjectIdentifier{2, 5, 4, 3}) {
			named++
		}
	}
	if named == 1 {
		identities = append(identities, nameKind+leaf.Subject.CommonName)
	}
	return identities
}

// clientOf gives the certificate of the client from its verified chains, if it is one of a client
// and some chain is valid at the time now; else nil. A certificate that names no use, or every
// use, is nobody's: an authority may have given it out for something else.
func clientOf(chains [][]*x509.Certificate, now time.Time) *x509.Certificate {
	for _, chain := range chains {
		outside := func(c *x509.Certificate) bool { return c == nil || now.Before(c.NotBefore) || now.After(c.NotAfter) }
		if len(chain) == 0 || slices.ContainsFunc(chain, outside) {
			continue
		}
		leaf := chain[0]
		if !leaf.IsCA && slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
			return leaf
		}
	}
	return nil
}

// certified gives the service that a client's certificate proves and by which identity. Where
// service is named it must be that one; else all that the certificate says must be of one service.
func (p *Policy) certified(leaf *x509.Certificate, service string) (name, identity string) {
	if leaf == nil || len(p.identities) == 0 {
		return "", ""
	}
	for _, said := range identitiesOf(leaf) {
		owner := p.identities[said]
		switch {
		case owner == "" || service != "" && owner != service:
		case name == "":
			name, identity = owner, said
		case name != owner:
			return "", ""
		}
	}
	return name, identity
}

// prove finds what the credentials prove; the zero Proof where that is nothing. The work for a
// token is the same in any case.
func (p *Policy) prove(c Credentials, now time.Time) (service string, proof authentication) {
	leaf := clientOf(c.VerifiedChains, now)
	service, identity := p.certified(leaf, c.Service)
	if c.Service != "" {
		service = c.Service
	}
	token, known := p.authenticate(service, c.Token)
	g := p.services[service]
	switch {
	case g == nil || g.both && (!known || identity == "") || !known && identity == "":
		return service, authentication{}
	case identity == "":
		return service, authentication{kind: byToken, token: token}
	case g.both:
		proof = authentication{kind: byBoth, token: token}
	default:
		proof.kind = byCertificate
	}
	proof.identity, proof.until = identity, leaf.NotAfter.Unix()
	return service, proof
}

// addIdentities takes the identities of a service into the policy.
func (p *Policy) addIdentities(s Service) []error {
	var wrong []error
	for n, text := range s.Certificates {
		err := parseIdentity(text)
		if owner, taken := p.identities[text]; err == nil && taken {
			err = fmt.Errorf("%w certificate identity: it is one of %s already; it can prove one service only", ErrInvalid, owner)
		}
		if err != nil {
			wrong = append(wrong, fmt.Errorf("service %s, certificate %d: %w", s.Name, n+1, err))
			continue
		}
		p.identities[text] = s.Name
	}
	if len(s.Certificates) > maxIdentities {
		wrong = append(wrong, fmt.Errorf("%w service %s: more than %d certificates", ErrInvalid, s.Name, maxIdentities))
	}
	if s.CertificateAndToken && (len(s.Tokens) == 0 || len(s.Certificates) == 0) {
		wrong = append(wrong, fmt.Errorf("%w service %s: it needs both a token and a certificate, and has only one of them", ErrInvalid, s.Name))
	}
	return wrong
}
