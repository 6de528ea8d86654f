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

// Serve is [serve.Serve] for api. It serves no service with a weak token beyond loopback, see
// [CheckPolicy], and /ready answers 503 once ctx ends. The Logger is that of api unless config has
// one.
//
// A host with middleware of its own calls serve.Serve with [Handler.Check] and [Handler.Drain], and
// [Handler.FlushLog] at the end; see the example of Handler.
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

// FlushLog logs how many repeated records were left out in the last second. Call it once the server
// has ended.
func (h *Handler) FlushLog() { h.repeats.Flush() }

// Check is [CheckPolicy] for the current policy of the vault. It is meant for serve.Config.Check.
func (h *Handler) Check(addr net.Addr) error { return CheckPolicy(h.vault.Policy(), addr, h.logger) }

// CheckPolicy tells whether a policy may serve on an address, as [Serve] does at its start:
// ErrInvalid where other machines reach it and a service has a token under 16 characters, or one
// that the documents show as an example. On loopback such tokens are a warning to logger, which may
// be nil. Ask it before [myvault.Vault.SetPolicy]. The length of a sha256: token shows only when a
// caller presents it: beyond loopback one under 16 bytes is answered as a wrong one.
func CheckPolicy(policy *myvault.Policy, addr net.Addr, logger *slog.Logger) error {
	weak := strings.Join(policy.WeakTokens(), ", ")
	switch {
	case weak == "":
	case !serve.IsLocal(addr):
		return fmt.Errorf("httpapi: %w: beyond loopback tokens need 16 characters, and none of the documents will do; give others to %s", myvault.ErrInvalid, weak)
	case logger != nil:
		logger.Warn("tokens under 16 characters, or of the documents, can be guessed; they are refused beyond loopback", "services", weak)
	}
	return nil
}

// leastToken is the length in bytes from which a token may log in beyond loopback. [CheckPolicy]
// cannot see the length of a token that the policy holds as its digest.
const leastToken = 16

// token returns the token that the caller presented, or none if it is too short for this address:
// no token logs in, at the price of any wrong one.
func (c *call) token(presented string) string {
	if len(presented) < leastToken && serve.Exposed(c.request) {
		return ""
	}
	return presented
}
