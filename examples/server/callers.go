package main

import (
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/myswiftagent/myvault/tokens"
)

// CallerSettings are about who calls, and from where.
type CallerSettings struct {
	Origins     []string `env:"MYVAULT_ORIGINS" help:"web sites such as https://console.example.org whose pages may call this server, comma-separated"`
	Forwarders  []string `env:"MYVAULT_FORWARDERS" help:"addresses and networks of proxies whose X-Forwarded-For is believed, comma-separated"`
	Connections int      `env:"MYVAULT_CONNECTIONS" help:"how many connections may be open (512)"`
	// ProjectSecrets are items such as prod/key=bytes:32:base64url.
	ProjectSecrets []string `env:"MYVAULT_PROJECT_SECRETS" help:"secrets made in each project that is registered: path=bytes:32:base64url or path=text:32:hex, comma-separated"`

	Sweep time.Duration `env:"MYVAULT_SWEEP" envDefault:"1h" help:"how often records of expired tokens are destroyed; 0s: never (1h)"`
}

// checkSweep refuses what is no time between sweeps.
func (s CallerSettings) checkSweep() error {
	if s.Sweep != 0 && s.Sweep < time.Second {
		return errors.New("MYVAULT_SWEEP is at least 1s, or 0s for never")
	}
	return nil
}

// sweepTokens destroys what is left of tokens that have expired, as often as the settings say.
func (s CallerSettings) sweepTokens(issuer *tokens.Issuer, logger *slog.Logger) (io.Closer, error) {
	if s.Sweep == 0 {
		return io.NopCloser(nil), nil
	}
	return issuer.SweepEvery(s.Sweep, func(err error) {
		logger.Error("records of expired tokens could not be destroyed", "cause", oneLine(err))
	})
}
