package vaultapi

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/internal/request"
	"github.com/myswiftagent/myvault/internal/rfc3339"
	"github.com/myswiftagent/myvault/tokens"
)

// auth is the answer to a log-in.
type auth struct {
	ClientToken   string            `json:"client_token"`
	Accessor      string            `json:"accessor"`
	Policies      []string          `json:"policies"`
	TokenPolicies []string          `json:"token_policies"`
	Metadata      map[string]string `json:"metadata"`
	LeaseDuration int64             `json:"lease_duration"`
	Renewable     bool              `json:"renewable"`
	EntityID      string            `json:"entity_id"`
	TokenType     string            `json:"token_type"`
	Orphan        bool              `json:"orphan"`
	MFA           any               `json:"mfa_requirement"`
	Uses          int               `json:"num_uses"`
}

// loginAppRole logs in with a service as role_id and its shared token as secret_id.
func (c *call) loginAppRole() (response, error) {
	var body struct {
		Role   string `json:"role_id"`
		Secret string `json:"secret_id"`
	}
	if err := c.decode(&body); err != nil {
		return response{}, err
	}
	if body.Role == "" {
		return response{}, refuse(http.StatusBadRequest, "missing role_id")
	}
	return c.mint(body.Role, body.Secret, "invalid role or secret ID")
}

// loginUser logs in with a service as the user and its shared token as the password.
func (c *call) loginUser() (response, error) {
	var body struct {
		Password string `json:"password"`
	}
	if err := c.decode(&body); err != nil {
		return response{}, err
	}
	if body.Password == "" {
		return response{}, refuse(http.StatusBadRequest, "missing password")
	}
	return c.mint(c.names["service"], body.Password, "invalid username or password")
}

// loginCertificate logs in with the client certificate of the connection. Its name, if one is
// given, is the service.
func (c *call) loginCertificate() (response, error) {
	var body struct {
		Name string `json:"name"`
	}
	if err := c.decode(&body); err != nil {
		return response{}, err
	}
	return c.mint(body.Name, "", "invalid certificate or no client certificate supplied")
}

// loginOther refuses the methods that myVault does not have.
func (c *call) loginOther() (response, error) {
	return response{}, refuse(http.StatusBadRequest, "unsupported auth method: log in to myVault by approle, userpass or cert")
}

// mint logs a service in and mints a capability token with all its rights. A failure is answered
// with the text that Vault has for it.
func (c *call) mint(service, token, failure string) (response, error) {
	session, err := c.loginShared(service, token)
	if errors.Is(err, myvault.ErrUnauthenticated) {
		return response{}, refuse(http.StatusBadRequest, failure)
	}
	if err != nil {
		return response{}, err
	}
	c.session = session
	c.conn.Authenticated(c.service())
	grant, err := c.grant()
	if err != nil {
		return response{}, err
	}
	minted, err := c.api.issuer.Mint(c.ctx, session, grant)
	if err != nil {
		return response{}, err
	}
	policies := []string{minted.Service}
	return response{auth: auth{
		ClientToken: minted.Bearer.Reveal(), Accessor: minted.ID, Policies: policies, TokenPolicies: policies,
		Metadata: map[string]string{"service": minted.Service}, TokenType: "service", Orphan: true,
		LeaseDuration: int64(minted.ExpiresAt.Sub(minted.IssuedAt) / time.Second),
	}}, nil
}

// grant returns a grant of all rights of the service. If the policy required a certificate beside
// the token, the minted token requires that certificate too: it must not be weaker than the log-in.
func (c *call) grant() (tokens.Grant, error) {
	rule, err := myvault.ParseRule("*/@read+write+delete+list+destroy+audit")
	if err != nil {
		return tokens.Grant{}, err
	}
	g := tokens.Grant{Rules: []myvault.Rule{rule}}
	authentication, err := c.api.extension.Authentication(c.ctx, c.session)
	if leaf := request.Certificate(c.request); leaf != nil && strings.HasPrefix(authentication, "both:") {
		sum := sha256.Sum256(leaf.Raw)
		g.Certificate = &sum
	}
	return g, err
}

// lookedUp describes a token. Some clients want every member to be present.
type lookedUp struct {
	Accessor     string            `json:"accessor"`
	CreationTime int64             `json:"creation_time"`
	CreationTTL  int64             `json:"creation_ttl"`
	DisplayName  string            `json:"display_name"`
	EntityID     string            `json:"entity_id"`
	ExpireTime   *string           `json:"expire_time"`
	MaxTTL       int64             `json:"explicit_max_ttl"`
	ID           string            `json:"id"`
	IssueTime    string            `json:"issue_time"`
	Meta         map[string]string `json:"meta"`
	Uses         int               `json:"num_uses"`
	Orphan       bool              `json:"orphan"`
	Path         string            `json:"path"`
	Policies     []string          `json:"policies"`
	Renewable    bool              `json:"renewable"`
	TTL          int64             `json:"ttl"`
	Type         string            `json:"type"`
}

// lookupSelf describes the token of the caller. A shared token has no end.
func (c *call) lookupSelf() (response, error) {
	t := c.identity.token
	about := lookedUp{
		Accessor: t.ID, DisplayName: c.service(), ID: c.identity.presented, Meta: map[string]string{"service": c.service()},
		Orphan: true, Path: "auth/token/create", Policies: []string{c.service()}, Type: "service",
	}
	if t.ID != "" {
		expires := rfc3339.Format(t.ExpiresAt)
		about.CreationTime, about.IssueTime, about.ExpireTime = t.IssuedAt.Unix(), rfc3339.Format(t.IssuedAt), &expires
		about.CreationTTL = int64(t.ExpiresAt.Sub(t.IssuedAt) / time.Second)
		about.TTL = int64(time.Until(t.ExpiresAt) / time.Second)
	}
	return response{data: about, mount: tokenMount}, nil
}

// lookup describes a token, which must be that of the caller.
func (c *call) lookup() (response, error) {
	var body struct {
		Token string `json:"token"`
	}
	if err := c.decode(&body); err != nil {
		return response{}, err
	}
	if body.Token != c.identity.presented {
		return response{}, refuse(http.StatusForbidden, "permission denied: myVault describes the caller's own token only")
	}
	return c.lookupSelf()
}

// renewSelf answers as a real Vault does for a token that cannot be renewed. Clients then log in
// again.
func (c *call) renewSelf() (response, error) {
	return response{}, refuse(http.StatusBadRequest, "lease is not renewable")
}

// revokeSelf ends the capability token of the caller. A shared token is not ended: the operator
// removes it from the policy.
func (c *call) revokeSelf() (response, error) {
	if c.identity.token.ID == "" {
		return response{}, nil
	}
	err := c.api.issuer.RevokeOwn(c.ctx, c.bearer(c.identity.presented))
	if errors.Is(err, myvault.ErrDenied) {
		err = refuse(http.StatusBadRequest, "a narrowed token cannot be revoked by its holder: it ends with the token it came from")
	}
	return response{}, err
}
