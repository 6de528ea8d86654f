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

// Credentials are what the bearer of a token shows.
type Credentials struct {
	Bearer      string
	Certificate *x509.Certificate // the verified leaf of the connection; nil: there is none
	Request     string            // the request's id, for the trail
	Remote      string            // the caller's network address, for the trail of failures
}

// Login gives a session to the bearer of a token. Everything that is no valid token, for whatever reason, is
// ErrUnauthenticated, in the same work. Errors of the store are as they are: a record that
// cannot be read lets nobody in. The session ends when the token does.
func (i *Issuer) Login(ctx context.Context, c Credentials) (*myvault.Session, error) {
	m, at, malformed := open(c.Bearer)
	if malformed != nil {
		m, at = i.stranger()
	}
	refused := func() (*myvault.Session, error) {
		return nil, i.extension.RecordFailedLogin("capability", myvault.Credentials{Service: at.service, Request: c.Request, Remote: c.Remote})
	}
	r, err := i.find(ctx, at)
	gone := errors.Is(err, myvault.ErrNotFound)
	if err != nil && !gone {
		return nil, err
	}
	if gone && r.Key == nil {
		if r, err = parseRecord(i.decoy); err != nil {
			return nil, err
		}
	}
	// Nothing is read of a record or of caveats for who has no key: ids can be guessed.
	texts, err := m.VerifySignature(r.Key, nil)
	if err != nil || gone || malformed != nil {
		return refused()
	}
	if r, err = r.understand(); err != nil {
		return nil, err
	}
	session, err := i.resume(at.service, r)
	if err != nil {
		return nil, err
	}
	session = session.Via("capability", c.Request)
	caveats, err := parseCaveats(texts)
	until := endOf(r, caveats)
	if err != nil || !shown(c.Certificate, r, caveats) || !time.Now().Before(until) || i.extension.Ended(ctx, session) != nil {
		return refused()
	}
	for _, rules := range append([][]myvault.Rule{r.rules}, rulesOf(caveats)...) {
		session = session.Restrict(rules...)
	}
	return i.extension.EndWhen(session, func(ctx context.Context) error { return i.holds(ctx, at, until) }), nil
}

// stranger stands in for what is no token, so that it costs what a wrong one costs.
func (i *Issuer) stranger() (*macaroon.Macaroon, place) {
	at := place{service: "-", version: 1} // no service has this name
	m, err := macaroon.New(i.decoyKey, []byte(idPrefix+at.id()), "", macaroon.V2)
	if err != nil {
		return new(macaroon.Macaroon), at
	}
	return m, at
}

// parseCaveats reads all of them or none.
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

// endOf gives when the token ends: no caveat makes it later.
func endOf(r record, caveats []Caveat) time.Time {
	until := r.Expires
	for _, c := range caveats {
		if !c.before.IsZero() && c.before.Before(until) {
			until = c.before
		}
	}
	return until
}

// shown reports whether the connection has each certificate that is wanted.
func shown(have *x509.Certificate, r record, caveats []Caveat) bool {
	return certified(have, r.Certificate) && !slices.ContainsFunc(caveats, func(c Caveat) bool { return !certified(have, c.certificate) })
}

// certified reports whether the connection has the certificate that is wanted.
func certified(have *x509.Certificate, want string) bool {
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
