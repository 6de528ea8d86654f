package server

import (
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/myswiftagent/myvault/tokens"
)

// CallerSettings are the settings of clients and their networks.
type CallerSettings struct {
	Origins     []string `env:"MYVAULT_ORIGINS" help:"origins such as https://console.example.org whose pages may call this server, comma-separated"`
	Forwarders  []string `env:"MYVAULT_FORWARDERS" help:"addresses and networks of trusted proxies that set X-Forwarded-For, comma-separated"`
	Connections int      `env:"MYVAULT_CONNECTIONS" help:"maximum number of open connections (512)"`
	MaxWatches  int      `env:"MYVAULT_MAX_WATCHES" help:"maximum number of open GET /api/watch, half of them of one service (256)"`
	// ProjectSecrets are items such as prod/key=bytes:32:base64url.
	ProjectSecrets []string `env:"MYVAULT_PROJECT_SECRETS" help:"secrets to generate in each new project: path=bytes:32:base64url or path=text:32:hex, comma-separated"`

	Sweep time.Duration `env:"MYVAULT_SWEEP" envDefault:"1h" help:"interval of destroying the records of expired tokens; 0s: never (1h)"`
}

// checkSweep checks the interval.
func (s CallerSettings) checkSweep() error {
	if s.Sweep != 0 && s.Sweep < time.Second {
		return errors.New("MYVAULT_SWEEP must be at least 1s, or 0s for never")
	}
	return nil
}

// sweepTokens destroys the records of expired tokens at the interval of the settings.
func (s CallerSettings) sweepTokens(issuer *tokens.Issuer, logger *slog.Logger) (io.Closer, error) {
	if s.Sweep == 0 {
		return io.NopCloser(nil), nil
	}
	return issuer.SweepEvery(s.Sweep, func(err error) {
		logger.Error("records of expired tokens could not be destroyed", "cause", oneLine(err))
	})
}
