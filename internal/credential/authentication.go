package credential

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"
)

// Authentication is how a session was authenticated. It contains the digest of a token, never the
// token; of a certificate it contains the identity that matched and the end. The zero
// Authentication is that of a caller named by the embedding program.
type Authentication struct {
	Kind     Kind
	Token    Digest
	Identity string // such as "dns:newsbot.internal"
	NotAfter int64  // of the certificate, in Unix seconds
}

// Kind is the kind of an Authentication.
type Kind uint8

// The kinds of authentication. Token and Certificate are bits: one was presented and matched.
const (
	Token Kind = 1 << iota
	Certificate
	// ResumedEmbedded is Embedded as ParseAuthentication returns it. Unlike Embedded it ends once
	// the service leaves the policy.
	ResumedEmbedded

	Embedded            Kind = 0 // the embedding program named the caller
	TokenAndCertificate      = Token | Certificate
)

const (
	embeddedText    = "embedded"
	tokenText       = "token:"
	certificateText = "certificate:"
	bothText        = "both:"
)

// Expired reports whether the certificate has ended.
func (a Authentication) Expired() bool {
	return a.Kind&Certificate != 0 && time.Now().After(time.Unix(a.NotAfter, 0))
}

// String returns the text that [ParseAuthentication] reads: "embedded", or "token:" and the
// hexadecimal digest, or "certificate:", the end in Unix seconds, ":" and the identity, or
// "both:", the digest, ":", the end, ":" and the identity.
func (a Authentication) String() string {
	certificate := strconv.FormatInt(a.NotAfter, 10) + ":" + a.Identity
	switch a.Kind {
	case Token:
		return tokenText + hex.EncodeToString(a.Token[:])
	case Certificate:
		return certificateText + certificate
	case TokenAndCertificate:
		return bothText + hex.EncodeToString(a.Token[:]) + ":" + certificate
	}
	return embeddedText
}

var errText = errors.New("want the text of Extension.Authentication")

// ParseAuthentication reads the text of an Authentication.
func ParseAuthentication(text string) (Authentication, error) {
	a := Authentication{Kind: ResumedEmbedded}
	rest := ""
	for kind, prefix := range map[Kind]string{Token: tokenText, Certificate: certificateText, TokenAndCertificate: bothText} {
		if after, found := strings.CutPrefix(text, prefix); found {
			a.Kind, rest = kind, after
		}
	}
	if a.Kind&Token != 0 {
		var hexed string
		hexed, rest, _ = strings.Cut(rest, ":")
		raw, _ := hex.DecodeString(hexed)
		copy(a.Token[:], raw)
	}
	if a.Kind&Certificate != 0 {
		var end string
		end, a.Identity, _ = strings.Cut(rest, ":")
		a.NotAfter, _ = strconv.ParseInt(end, 10, 64)
		if err := CheckIdentity(a.Identity); err != nil {
			return Authentication{}, errText
		}
	}
	if a.String() != text { // catches everything that was malformed
		return Authentication{}, errText
	}
	return a, nil
}
