package vaultapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/myswiftagent/myvault"
)

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
		expires := timestamp(t.ExpiresAt)
		about.CreationTime, about.IssueTime, about.ExpireTime = t.IssuedAt.Unix(), timestamp(t.IssuedAt), &expires
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
