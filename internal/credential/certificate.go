package credential

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"strings"
	"time"
)

// CommonNamePrefix begins an identity that is the common name of a certificate. The others are
// the kinds of alternative names.
const (
	uriPrefix        = "uri:"
	dnsPrefix        = "dns:"
	CommonNamePrefix = "cn:"
)

// Size limits of identities, in bytes: of SPIFFE, DNS (RFC 1035) and X.520.
const (
	maxURI        = 2048
	maxHost       = 253
	maxLabel      = 63
	maxCommonName = 64
)

// CheckIdentity checks an identity such as "uri:spiffe://example.org/newsbot". Each identity has
// one spelling, so equal identities are equal texts.
func CheckIdentity(text string) error {
	if uri, found := strings.CutPrefix(text, uriPrefix); found {
		if !validURI(uri) {
			return errors.New("a uri is scheme://host/path in lower-case scheme and host, such as uri:spiffe://example.org/newsbot; its segments contain letters, digits and . _ -")
		}
		return nil
	}
	if name, found := strings.CutPrefix(text, dnsPrefix); found {
		if !validHost(name, "") {
			return errors.New("a dns name is lower case, without a wildcard, port or final dot, such as dns:newsbot.internal")
		}
		return nil
	}
	if name, found := strings.CutPrefix(text, CommonNamePrefix); found {
		if name == "" || len(name) > maxCommonName || strings.Trim(name, " ") != name || strings.ContainsFunc(name, unprintable) {
			return errors.New("a cn is 1 to 64 characters of visible ASCII with inner blanks, without a comma, such as cn:newsbot")
		}
		return nil
	}
	return errors.New("want uri:, dns: or cn: and the name in the certificate")
}

func unprintable(r rune) bool { return r < ' ' || r > '~' || r == ',' }

// validURI reports whether uri is a SPIFFE ID, or would be with the scheme spiffe.
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
		if segment == "" || segment == "." || segment == ".." || strings.ContainsFunc(segment, notInSegment) {
			return false
		}
	}
	return true
}

func notInSegment(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '_' && r != '-'
}

// validHost reports whether name is a DNS name in lower case. More lists further allowed
// characters.
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

// Identities returns the identities in a certificate. If it has several URIs, which SPIFFE
// forbids, or several common names, none of these count.
func Identities(leaf *x509.Certificate) []string {
	var identities []string
	if len(leaf.URIs) == 1 {
		identities = append(identities, uriPrefix+leaf.URIs[0].String())
	}
	for _, name := range leaf.DNSNames {
		identities = append(identities, dnsPrefix+strings.ToLower(name))
	}
	named := 0
	for _, attribute := range leaf.Subject.Names {
		if attribute.Type.Equal(asn1.ObjectIdentifier{2, 5, 4, 3}) {
			named++
		}
	}
	if named == 1 {
		identities = append(identities, CommonNamePrefix+leaf.Subject.CommonName)
	}
	return identities
}

// ClientCertificate returns the leaf of the first of the verified chains that is valid now, if it
// was issued for client authentication and is not an authority; else nil. A certificate that
// names no usage, or any usage, is not accepted: it may have been issued for something else.
func ClientCertificate(chains [][]*x509.Certificate, now time.Time) *x509.Certificate {
	for _, chain := range chains {
		invalid := func(c *x509.Certificate) bool { return c == nil || now.Before(c.NotBefore) || now.After(c.NotAfter) }
		if len(chain) == 0 || slices.ContainsFunc(chain, invalid) {
			continue
		}
		leaf := chain[0]
		if !leaf.IsCA && slices.Contains(leaf.ExtKeyUsage, x509.ExtKeyUsageClientAuth) {
			return leaf
		}
	}
	return nil
}
