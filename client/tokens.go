package client

import (
	"context"
	"encoding/hex"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/tokens"
)

// tokenItem is a capability token of an answer.
type tokenItem struct {
	ID          string   `json:"id"`
	Service     string   `json:"service"`
	IssuedAt    string   `json:"issued_at"`
	ExpiresAt   string   `json:"expires_at"`
	Rules       []string `json:"rules"`
	Certificate string   `json:"certificate_sha256"`
	Bearer      string   `json:"token"`
}

func (t tokenItem) token() (token tokens.Token, err error) {
	token = tokens.Token{ID: t.ID, Service: t.Service, Certificate: t.Certificate}
	if t.Bearer != "" {
		token.Bearer = myvault.Text(t.Bearer)
	}
	if err := parseTimes(timeMember{t.IssuedAt, &token.IssuedAt}, timeMember{t.ExpiresAt, &token.ExpiresAt}); err != nil {
		return token, err
	}
	token.Rules, err = rules(t.Rules)
	return token, err
}

// MintToken mints a capability token for the caller's service, as [tokens.Issuer.Mint] does.
// [errors.ErrUnsupported] if the server issues none.
func (c *Client) MintToken(ctx context.Context, g tokens.Grant) (tokens.Token, error) {
	token, err := c.mintToken(ctx, g)
	return token, fail("mint token", myvault.Address{}, err)
}

func (c *Client) mintToken(ctx context.Context, g tokens.Grant) (tokens.Token, error) {
	body := struct {
		Rules       []string `json:"rules"`
		Lifetime    int64    `json:"lifetime_seconds,omitzero"`
		Certificate string   `json:"certificate_sha256,omitempty"`
	}{Rules: []string{}, Lifetime: int64(g.Lifetime / time.Second)}
	if g.Lifetime < 0 || g.Lifetime%time.Second != 0 {
		return tokens.Token{}, fmt.Errorf("%w lifetime: want whole seconds", myvault.ErrInvalid)
	}
	for _, rule := range g.Rules {
		body.Rules = append(body.Rules, rule.String())
	}
	if g.Certificate != nil {
		body.Certificate = hex.EncodeToString(g.Certificate[:])
	}
	var made tokenItem
	if _, err := c.do(ctx, change(http.MethodPost, "/api/tokens", body), &made); err != nil {
		return tokens.Token{}, err
	}
	token, err := made.token()
	if err != nil || token.Bearer.Len() == 0 {
		return tokens.Token{}, errUnreadable
	}
	return token, nil
}

// Tokens yields the live tokens of the caller's service, without their bearers.
func (c *Client) Tokens(ctx context.Context) iter.Seq2[tokens.Token, error] {
	l := listing{path: "/api/tokens", limit: pageItems}
	return converted(pages[tokenItem](ctx, c, l), tokenItem.token, func(err error) error {
		return fail("list tokens", myvault.Address{}, err)
	})
}

// RevokeToken ends a token, as [tokens.Issuer.Revoke] does. ErrNotFound if the service has no live
// token with that ID.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	_, err := c.do(ctx, change(http.MethodDelete, "/api/tokens/"+url.PathEscape(id), nil), nil)
	return fail("revoke token", myvault.Address{}, err)
}
