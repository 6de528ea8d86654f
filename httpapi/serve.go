package httpapi

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/serve"
)

// Serve is [serve.Serve] for api. It returns ErrInvalid if a service could be reached from
// beyond loopback with a weak token, see [CheckPolicy]. Once ctx ends, GET /ready answers
// 503. The Logger is that of api unless config has one.
//
// A host that adds middleware calls serve.Serve with [Handler.Check] and [Handler.Drain]
// instead, and [Handler.FlushLog] at the end. See the example of Handler.
func Serve(ctx context.Context, listener net.Listener, api *Handler, config serve.Config) error {
	check, draining := config.Check, config.Draining
	config.Check = func(addr net.Addr) error {
		if err := api.Check(addr); err != nil || check == nil {
			return err
		}
		return check(addr)
	}
	config.Draining = func() {
		api.Drain()
		if draining != nil {
			draining()
		}
	}
	if config.Logger == nil {
		config.Logger = api.logger
	}
	defer api.FlushLog()
	return serve.Serve(ctx, listener, api, config)
}

// FlushLog logs how many repeated records were omitted in the last second. Call it once the
// server has ended.
func (h *Handler) FlushLog() { h.repeats.Flush() }

// Check is [CheckPolicy] with the current policy of the vault, for serve.Config.Check.
func (h *Handler) Check(addr net.Addr) error { return CheckPolicy(h.vault.Policy(), addr, h.logger) }

// CheckPolicy reports whether policy may be served on addr. It returns ErrInvalid if other
// machines can reach addr and a service has a token of under 16 characters, or one that is
// an example in the documents. On loopback it only warns about such tokens, to logger,
// which may be nil. Call it before [myvault.Vault.SetPolicy]. The length of a sha256: token
// is known only when a caller presents it: beyond loopback a token of under 16 bytes is
// answered as a wrong one.
func CheckPolicy(policy *myvault.Policy, addr net.Addr, logger *slog.Logger) error {
	weak := strings.Join(policy.WeakTokens(), ", ")
	switch {
	case weak == "":
	case !serve.IsLocal(addr):
		return fmt.Errorf("httpapi: %w: beyond loopback tokens need 16 characters and must not be examples of the documents: change those of %s", myvault.ErrInvalid, weak)
	case logger != nil:
		logger.Warn("tokens under 16 characters and examples of the documents can be guessed; they are refused beyond loopback", "services", weak)
	}
	return nil
}

// minToken is the length in bytes from which a token is valid beyond loopback.
// [CheckPolicy] does not know the length of a token that the policy holds as its digest.
const minToken = 16
