package hashivault

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/myswiftagent/myvault"
)

// Why Vault cannot be used. Each comes together with [myvault.ErrUnavailable], or alone from
// [Open]. The text never holds a token, a value or the name of a secret.
var (
	// ErrSealed: Vault is sealed; it has to be unsealed by its operators.
	ErrSealed = errors.New("vault is sealed")
	// ErrToken: Vault does not know the token: it is wrong, revoked or expired.
	ErrToken = errors.New("vault refuses the token")
	// ErrLogin: Vault refuses the role id or the secret id, or has no AppRole at that mount.
	ErrLogin = errors.New("vault refuses the log-in")
	// ErrRights: the token's policy lacks a right; the package's documentation has the policy.
	ErrRights = errors.New("the token's policy does not allow this")
	// ErrMount: there is no KV engine of version 2 at the mount, or it forgets what must be kept.
	ErrMount = errors.New("no fit KV version 2 engine at the mount")
	// ErrRedirect: Vault sent a request to a host that is not among the addresses. The token
	// did not go there.
	ErrRedirect = errors.New("vault redirects to a host that is not configured")
	// ErrNewer: what stands under the base path was written by a newer version of this package.
	ErrNewer = errors.New("written by a newer version")
)

// errMismatch: a conditional write met another current version.
var errMismatch = errors.New("check-and-set met another version")

// errStranger: something else than Vault says that nothing is there.
var errStranger = errors.New("a 404 that is not Vault's; look whether the proxy in front of it knows where Vault is")

// uncertain is a change that was sent, and whose answer is unknown.
type uncertain struct{ cause error }

func (u uncertain) Error() string { return "no answer to a change: " + u.cause.Error() }

// refused is an answer that refuses a write. It may be the answer to another request.
type refused struct{ error }

func (r refused) Unwrap() error { return r.error }

func unavailable(cause error) error { return fmt.Errorf("%w: %w", myvault.ErrUnavailable, cause) }

// unknown tells that a change may or may not have been made.
func unknown(cause error) error {
	return fmt.Errorf("%w: %w", myvault.ErrUnknownOutcome, cause)
}

// foreign tells of something under the base path that this package did not write.
func foreign() error {
	return fmt.Errorf("%w: what is stored there is not in the layout of this provider", myvault.ErrTampered)
}

// refusal gives what an answer of Vault means that is none of the good ones. Vault has no
// codes for the reasons, only texts; they are looked at and never repeated, for they may hold paths.
func refusal(a answer) error {
	says := func(text string) bool { return strings.Contains(a.reasons(), text) }
	switch {
	case a.status == http.StatusBadRequest && says("check-and-set parameter did not match"):
		return errMismatch
	case a.status == http.StatusServiceUnavailable && says("Vault is sealed"):
		return unavailable(ErrSealed)
	case a.status == http.StatusForbidden && says("invalid token"):
		return unavailable(ErrToken)
	case a.status == http.StatusForbidden:
		return unavailable(ErrRights)
	case a.status == http.StatusNotFound:
		return unavailable(ErrMount)
	case a.status == http.StatusRequestEntityTooLarge || says("value being too large") || says("JSON string value exceeds"):
		return fmt.Errorf("%w: vault is configured to take less", myvault.ErrTooLarge)
	case a.status < http.StatusInternalServerError || says("active cluster node not found"):
		return unavailable(fmt.Errorf("vault answers %d", a.status))
	}
	return uncertain{fmt.Errorf("vault answers %d", a.status)}
}
