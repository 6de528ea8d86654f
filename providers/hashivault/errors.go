package hashivault

import (
	"errors"
	"fmt"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/cluster"
)

// The reasons why Vault cannot be used. Each is wrapped together with [myvault.ErrUnavailable];
// [Open] may also return it alone. The text never contains a token, a value or the name of a
// secret.
var (
	// ErrSealed: Vault is sealed; its operators must unseal it.
	ErrSealed = cluster.ErrSealed
	// ErrToken: Vault does not know the token: it is wrong, revoked or expired.
	ErrToken = cluster.ErrToken
	// ErrLogin: Vault refuses the role id or the secret id, or has no AppRole at that mount.
	ErrLogin = errors.New("vault refuses the log-in")
	// ErrRights: the token's policy lacks a right; the package documentation lists the policy.
	ErrRights = cluster.ErrRights
	// ErrMount: there is no KV version 2 engine at the mount, or it does not keep what it must.
	ErrMount = cluster.ErrMount
	// ErrRedirect: Vault redirected a request to a host that is not among the addresses. The
	// token was not sent there.
	ErrRedirect = cluster.ErrRedirect
	// ErrNewer: the data under the base path was written by a newer version of this package.
	ErrNewer = errors.New("written by a newer version")
)

// errProxy is the cause if something other than Vault answers 404.
var errProxy = errors.New("a 404 that is not Vault's; check that the proxy in front of it knows where Vault is")

// refused is an answer that refuses a write. It may be the answer to another request.
type refused struct{ error }

func (r refused) Unwrap() error { return r.error }

// unknown returns myvault.ErrUnknownOutcome with a cause.
func unknown(cause error) error {
	return fmt.Errorf("%w: %w", myvault.ErrUnknownOutcome, cause)
}

// foreign returns the error of data that this package did not write.
func foreign() error {
	return fmt.Errorf("%w: the stored data is not in the layout of this provider", myvault.ErrTampered)
}
