package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/internal/problem"
	"github.com/myswiftagent/myvault/httpapi/internal/request"
	"github.com/myswiftagent/myvault/tokens"
)

// token is a capability token without its secret.
type token struct {
	ID          string   `json:"id"`
	Service     string   `json:"service"`
	IssuedAt    string   `json:"issued_at"`
	ExpiresAt   string   `json:"expires_at"`
	Rules       []string `json:"rules"`
	Certificate string   `json:"certificate_sha256,omitempty"`
}

// minted is a token with its secret, which is shown once.
type minted struct {
	token
	Bearer string `json:"token"`
}

func tokenOf(t tokens.Token) token {
	return token{
		ID: t.ID, Service: t.Service, IssuedAt: timestamp(t.IssuedAt), ExpiresAt: timestamp(t.ExpiresAt),
		Rules: ruleTexts(t.Rules), Certificate: t.Certificate,
	}
}

// issuer returns the issuer of tokens, or a 501.
func (c *call) issuer() (*tokens.Issuer, error) {
	if c.api.issuer == nil {
		return nil, &problem.Problem{Status: http.StatusNotImplemented, Detail: "this server issues no tokens"}
	}
	return c.api.issuer, nil
}

func (c *call) mintToken() (response, error) {
	issuer, err := c.issuer()
	if err != nil {
		return response{}, err
	}
	grant, err := c.readGrant(issuer)
	if err != nil {
		return response{}, err
	}
	t, err := issuer.Mint(c.ctx, c.session, grant)
	if err != nil {
		return response{}, err
	}
	return response{status: http.StatusCreated, body: minted{tokenOf(t), t.Bearer.Reveal()}}, nil
}

// readGrant returns the grant that the body requests.
func (c *call) readGrant(issuer *tokens.Issuer) (tokens.Grant, error) {
	var body struct {
		Rules       request.Array[string] `json:"rules"`
		Lifetime    *uint32               `json:"lifetime_seconds"`
		Certificate *string               `json:"certificate_sha256"`
	}
	body.Rules.Max = tokens.MaxRules
	err := c.decode(&body, "rules (an array of strings) and, optionally, lifetime_seconds (a number) and certificate_sha256 (a string)")
	if err != nil {
		return tokens.Grant{}, err
	}
	var g tokens.Grant
	for _, text := range body.Rules.Items {
		rule, err := myvault.ParseRule(text)
		if err != nil {
			return g, unprocessable("malformed rule: write it as in ALLOW_ lines, such as newsbot/prod/@read+list", "rules")
		}
		g.Rules = append(g.Rules, rule)
	}
	if len(g.Rules) == 0 {
		return g, unprocessable("missing member rules: send 1 to 64 rules", "rules")
	}
	if g.Lifetime, err = lifetimeOf(body.Lifetime, issuer.MaxLifetime()); err != nil {
		return g, err
	}
	if body.Certificate != nil {
		sum, err := hex.DecodeString(*body.Certificate)
		if err != nil || len(sum) != sha256.Size {
			return g, unprocessable("invalid certificate_sha256: use the SHA-256 of the client certificate in DER, in 64 hexadecimal digits", "certificate_sha256")
		}
		g.Certificate = (*[sha256.Size]byte)(sum)
	}
	return g, nil
}

// lifetimeOf returns the requested lifetime, 0 for the default.
func lifetimeOf(seconds *uint32, most time.Duration) (time.Duration, error) {
	if seconds == nil {
		return 0, nil
	}
	lifetime := time.Duration(*seconds) * time.Second
	switch {
	case lifetime == 0:
		return 0, unprocessable("lifetime_seconds must be at least 1; the default is one hour", "lifetime_seconds")
	case lifetime > most:
		return 0, unprocessable(fmt.Sprintf("lifetime_seconds is over this server's limit of %d", most/time.Second), "lifetime_seconds")
	}
	return lifetime, nil
}

// listTokens answers with a page of the caller's live tokens.
func (c *call) listTokens() (response, error) {
	issuer, err := c.issuer()
	if err != nil {
		return response{}, err
	}
	limit, err := c.limit()
	if err != nil {
		return response{}, err
	}
	fields, err := c.cursor()
	if err != nil {
		return response{}, err
	}
	a, all := response{}, []token{}
	for t, err := range issuer.ListAfter(c.ctx, c.session, strings.Join(fields, "")) {
		if err != nil {
			return response{}, err
		}
		if len(all) == limit {
			a.link = c.next(all[limit-1].ID)
			break
		}
		all = append(all, tokenOf(t))
	}
	a.body = all
	return a, nil
}

func (c *call) revokeToken() (response, error) {
	issuer, err := c.issuer()
	if err != nil {
		return response{}, err
	}
	id, err := decode(c.raw[len(c.raw)-1])
	if err != nil {
		return response{}, err
	}
	err = issuer.Revoke(c.ctx, c.session, id)
	if errors.Is(err, myvault.ErrNotFound) {
		err = &problem.Problem{Status: http.StatusNotFound, Detail: "token not found: the service has no live token with that id; GET /api/tokens lists them"}
	}
	return response{status: http.StatusNoContent}, err
}
