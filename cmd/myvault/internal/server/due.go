package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/due"
)

// watchDue logs secrets that expire or are due for rotation, once for each version. It watches the
// secrets that the service may list. Your program could write the next version here.
func watchDue(vault *myvault.Vault, service string, logger *slog.Logger) (*due.Watcher, error) {
	return due.Start(vault, vault.As(service), due.Config{
		Notify: func(ctx context.Context, n due.Notice) error {
			if !logger.Enabled(ctx, slog.LevelWarn) {
				return nil
			}
			record := slog.NewRecord(time.Now(), slog.LevelWarn, "a secret is due", 0)
			record.Add("kind", n.Kind, "project", n.Secret.Project, "path", n.Secret.Path,
				"version", n.Secret.Version, "since", n.Due.Format(time.RFC3339), "notice", n.ID, "attempt", n.Attempt)
			return logger.Handler().Handle(ctx, record) // the watcher repeats a notice that was not logged
		},
		OnError: func(err error) { logger.Error("due secrets could not be listed", "cause", oneLine(err)) },
	})
}
