package vaultapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/internal/request"
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
	return c.mint(myvault.Credentials{Service: body.Role, Token: body.Secret}, "invalid role or secret ID")
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
	return c.mint(myvault.Credentials{Service: c.names["service"], Token: body.Password}, "invalid username or password")
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
	credentials := myvault.Credentials{Service: body.Name}
	if c.request.TLS != nil {
		credentials.VerifiedChains = c.request.TLS.VerifiedChains
	}
	return c.mint(credentials, "invalid certificate or no client certificate supplied")
}

// loginOther refuses the methods that myVault does not have.
func (c *call) loginOther() (response, error) {
	return response{}, refuse(http.StatusBadRequest, "unsupported auth method: log in to myVault by approle, userpass or cert")
}

// mint logs a service in and mints a capability token with all its rights. A failure is answered
// with the text that Vault has for it.
func (c *call) mint(credentials myvault.Credentials, failure string) (response, error) {
	credentials.Token = request.Token(c.request, credentials.Token)
	credentials.Request, credentials.Remote = c.id, c.remote()
	session, err := c.api.vault.Login(c.ctx(), credentials)
	if err = c.limited(err, credentials.Service); errors.Is(err, myvault.ErrUnauthenticated) {
		return response{}, refuse(http.StatusBadRequest, failure)
	}
	if err != nil {
		return response{}, err
	}
	c.session = session
	c.conn.Authenticated(c.service())
	rules, err := allRules()
	if err != nil {
		return response{}, err
	}
	token, err := c.api.issuer.Mint(c.ctx(), session, tokens.Grant{Rules: rules})
	if err != nil {
		return response{}, err
	}
	policies := []string{token.Service}
	return response{auth: auth{
		ClientToken: token.Bearer.Reveal(), Accessor: token.ID, Policies: policies, TokenPolicies: policies,
		Metadata: map[string]string{"service": token.Service}, TokenType: "service", Orphan: true,
		LeaseDuration: int64(token.ExpiresAt.Sub(token.IssuedAt) / time.Second),
	}}, nil
}

// allRules returns rules that leave a token all rights of its service.
func allRules() ([]myvault.Rule, error) {
	rule, err := myvault.ParseRule("*/@read+write+delete+list+destroy+audit")
	return []myvault.Rule{rule}, err
}
