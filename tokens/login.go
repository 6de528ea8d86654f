package tokens

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"gopkg.in/macaroon.v2"

	"github.com/myswiftagent/myvault"
)

// Credentials identify the bearer of a token.
type Credentials struct {
	Bearer      string
	Certificate *x509.Certificate // the verified leaf of the connection; nil: there is none
	Request     string            // the request's ID, for the trail
	Remote      string            // the caller's network address, for trail entries of failed log-ins
}

// Login returns a session of the token in c. The session ends when the token does. For an
// invalid token it returns ErrUnauthenticated, and does the same work for each reason. If the
// store cannot read the token's record, it returns the store's error.
func (i *Issuer) Login(ctx context.Context, c Credentials) (*myvault.Session, error) {
	m, id, malformed := parseBearer(c.Bearer)
	if malformed != nil {
		m, id = i.decoyToken()
	}
	refused := func() (*myvault.Session, error) {
		return nil, i.extension.RecordFailedLogin(ctx, "capability", myvault.Credentials{Service: id.service, Request: c.Request, Remote: c.Remote})
	}
	r, err := i.find(ctx, id)
	missing := errors.Is(err, myvault.ErrNotFound)
	if err != nil && !missing {
		return nil, err
	}
	if missing && r.Key == nil {
		if r, err = parseRecord(i.decoyRecord); err != nil {
			return nil, err
		}
	}
	// Do not parse the record's details or the caveats before the signature is verified: IDs can
	// be guessed.
	texts, err := m.VerifySignature(r.Key, nil)
	if err != nil || missing || malformed != nil {
		return refused()
	}
	if r, err = r.parseDetails(); err != nil {
		return nil, err
	}
	caveats, err := parseCaveats(texts)
	until := expiry(r, caveats)
	if err != nil || !hasCertificates(c.Certificate, r, caveats) || !time.Now().Before(until) {
		return refused()
	}
	session, err := i.resume(id.service, r, func(ctx context.Context) error { return i.checkLive(ctx, id, until) })
	if errors.Is(err, myvault.ErrUnauthenticated) {
		return refused()
	}
	if err != nil {
		return nil, err
	}
	session = session.Via("capability", c.Request)
	for _, rules := range append([][]myvault.Rule{r.rules}, rulesOf(caveats)...) {
		session = session.Restrict(rules...)
	}
	return session, nil
}

// decoyToken returns a token to check in place of a malformed one, so that both do the same work.
func (i *Issuer) decoyToken() (*macaroon.Macaroon, tokenID) {
	id := tokenID{service: "-", version: 1} // no service has this name
	m, err := macaroon.New(i.decoyKey, []byte(idPrefix+id.String()), "", macaroon.V2)
	if err != nil {
		return new(macaroon.Macaroon), id
	}
	return m, id
}

// parseCaveats parses all of texts, or returns an error.
func parseCaveats(texts []string) ([]Caveat, error) {
	caveats := make([]Caveat, len(texts))
	for n, text := range texts {
		var err error
		if caveats[n], err = ParseCaveat(text); err != nil {
			return nil, err
		}
	}
	return caveats, nil
}

// expiry returns when the token ends: the earliest time of the record and the caveats.
func expiry(r record, caveats []Caveat) time.Time {
	until := r.Expires
	for _, c := range caveats {
		if !c.before.IsZero() && c.before.Before(until) {
			until = c.before
		}
	}
	return until
}

// hasCertificates reports whether have matches every certificate that the record and the
// caveats require.
func hasCertificates(have *x509.Certificate, r record, caveats []Caveat) bool {
	return matchesCertificate(have, r.Certificate) &&
		!slices.ContainsFunc(caveats, func(c Caveat) bool { return !matchesCertificate(have, c.certificate) })
}

// matchesCertificate reports whether want is empty or the SHA-256 of have.
func matchesCertificate(have *x509.Certificate, want string) bool {
	if want == "" {
		return true
	}
	if have == nil {
		return false
	}
	sum := sha256.Sum256(have.Raw)
	return hex.EncodeToString(sum[:]) == want
}

func rulesOf(caveats []Caveat) [][]myvault.Rule {
	var all [][]myvault.Rule
	for _, c := range caveats {
		if c.rules != nil {
			all = append(all, c.rules)
		}
	}
	return all
}
