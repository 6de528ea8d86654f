package cluster

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/hashicorp/vault/api"

	"github.com/myswiftagent/myvault"
)

// The reasons why Vault cannot be used. Package hashivault documents and exports them.
var (
	ErrSealed   = errors.New("vault is sealed")
	ErrToken    = errors.New("vault refuses the token")
	ErrRights   = errors.New("the token's policy does not allow this")
	ErrMount    = errors.New("no usable KV version 2 engine at the mount")
	ErrRedirect = errors.New("vault redirects to a host that is not configured")
)

// ErrMismatch is the error of a conditional write that found another current version.
var ErrMismatch = errors.New("check-and-set found another version")

// Uncertain is the error of a change that was sent and not answered.
type Uncertain struct{ Cause error }

// Error names the cause.
func (u Uncertain) Error() string { return "no answer to a change: " + u.Cause.Error() }

// Unavailable returns myvault.ErrUnavailable with a cause.
func Unavailable(cause error) error { return fmt.Errorf("%w: %w", myvault.ErrUnavailable, cause) }

// Answer is what Vault answered to a call.
type Answer struct {
	Status int
	Body   []byte
}

// Reasons returns the texts of a refusal.
func (a Answer) Reasons() string {
	var r api.ErrorResponse
	if json.Unmarshal(a.Body, &r, json.MatchCaseInsensitiveNames(true)) != nil {
		return ""
	}
	return strings.Join(r.Errors, "\n")
}

// IsVaults reports whether a 404 is Vault's: it has data, or a list of reasons, which may be
// empty. A proxy that does not know where Vault is answers 404 too.
func (a Answer) IsVaults() bool {
	var is struct {
		Errors *[]string      `json:"errors"`
		Data   jsontext.Value `json:"data"`
	}
	return json.Unmarshal(a.Body, &is) == nil && (is.Errors != nil || is.Data != nil)
}

// HasData reports whether the answer holds data.
func (a Answer) HasData() bool {
	var is struct {
		Data jsontext.Value `json:"data"`
	}
	return json.Unmarshal(a.Body, &is) == nil && is.Data.Kind() == '{'
}

// Err returns the meaning of an answer that is not a success. Vault has no codes for the reasons,
// only texts. They are never repeated, because they may contain paths.
func (a Answer) Err() error {
	says := func(text string) bool { return strings.Contains(a.Reasons(), text) }
	switch {
	case a.Status == http.StatusBadRequest && says("check-and-set parameter did not match"):
		return ErrMismatch
	case a.Status == http.StatusServiceUnavailable && says("Vault is sealed"):
		return Unavailable(ErrSealed)
	case a.Status == http.StatusForbidden && says("invalid token"):
		return Unavailable(ErrToken)
	case a.Status == http.StatusForbidden:
		return Unavailable(ErrRights)
	case a.Status == http.StatusNotFound:
		return Unavailable(ErrMount)
	case a.Status == http.StatusRequestEntityTooLarge || says("value being too large") || says("JSON string value exceeds"):
		return fmt.Errorf("%w: vault's own limit is lower", myvault.ErrTooLarge)
	case a.Status < http.StatusInternalServerError || says("active cluster node not found"):
		return Unavailable(fmt.Errorf("vault answers %d", a.Status))
	}
	return Uncertain{fmt.Errorf("vault answers %d", a.Status)}
}
