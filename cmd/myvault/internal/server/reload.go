package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/cmd/myvault/internal/setup"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/internal/reload"
)

// pollInterval is the interval of reading the .env. A change takes effect within twice that time.
const pollInterval = time.Second

// A reload on SIGHUP waits until the .env has not changed for stableTime, at most for
// stableTimeout.
const (
	stableTime    = pollInterval / 4
	stableTimeout = 20 * stableTime
)

// source is the source of the settings: the .env at path, unless it is "", and the environment.
type source struct {
	path    string
	process map[string]string
}

// loaded has the settings and the policy of a source.
type loaded struct {
	settings
	policy   *myvault.Policy // nil if it is invalid
	all      map[string]string
	parseErr error // reported by check, together with all other errors
}

// load reads and parses the source. It does not check the settings.
func (s source) load() (l loaded, err error) {
	if l.all, err = setup.Read[settings](s.path, s.process); err != nil {
		return l, err
	}
	var settingsErr, policyErr error
	l.settings, settingsErr = setup.Parse[settings](l.all)
	l.policy, policyErr = myvault.ParsePolicy(l.all)
	l.parseErr = errors.Join(settingsErr, policyErr)
	return l, nil
}

// reloader reloads the policy of a source while the server runs.
type reloader struct {
	source
	files        *reload.Files
	hangups      <-chan os.Signal
	started      loaded              // the settings at the start
	certificates *serve.Certificates // nil without HTTPS
	vault        *myvault.Vault
	addr         net.Addr
	output       *output
	logger       *slog.Logger      // of output
	current      map[string]string // the settings of the current policy; used by one reload at a time
}

// run reloads the policy on SIGHUP and when the .env changes, until ctx ends. It returns only
// after a running reload has finished, because the vault is closed afterwards.
func (r *reloader) run(ctx context.Context) {
	logFindings(r.logger, r.started.policy)
	r.current = r.started.all
	var watching sync.WaitGroup
	defer watching.Wait()
	if r.files != nil {
		const why = "the .env changed"
		watching.Go(func() {
			r.files.Run(ctx, pollInterval, func() error { return r.reload(ctx, why) }, func(err error) { r.logFailure(why, err) })
		})
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.hangups:
			r.logFailure("SIGHUP", r.hangup(ctx))
			r.reloadCertificates()
		}
	}
}

// logFailure logs why the policy was not reloaded.
func (r *reloader) logFailure(why string, err error) {
	if err != nil {
		r.logger.Error("the policy is not reloaded; the previous one stays in effect", "why", why, "cause", oneLine(err))
	}
}

// hangup reloads the policy once the .env is stable. A half-written file may be valid and lack the
// last rules.
func (r *reloader) hangup(ctx context.Context) error {
	waiting, stop := context.WithTimeout(ctx, stableTimeout)
	defer stop()
	if r.files != nil && !r.files.WaitStable(waiting, stableTime) && ctx.Err() == nil {
		return errors.New("the .env keeps changing; it will be read once it is stable")
	}
	if ctx.Err() != nil {
		return nil // the server is stopping
	}
	const why = "SIGHUP"
	if r.files == nil {
		return r.reload(ctx, why)
	}
	return r.files.Load(func() error { return r.reload(ctx, why) })
}

// reload replaces the policy, or returns an error and keeps the current one.
func (r *reloader) reload(ctx context.Context, why string) error {
	now, err := r.loadAndCheck(ctx)
	if err != nil {
		return err
	}
	if err := r.vault.SetPolicy(now.policy); err != nil {
		return err
	}
	if names := removedDenials(r.current, now); len(names) > 0 {
		r.logger.Warn("deny rules were removed; if that was not intended, check that the .env is complete", "settings", strings.Join(names, ", "))
	}
	r.current = now.all
	r.logger.Info("the policy is reloaded", "why", why, "services", len(now.policy.Services()))
	logFindings(r.logger, now.policy)
	if names := r.changedSettings(now); len(names) > 0 {
		r.logger.Warn("these settings take effect at the next start", "settings", strings.Join(names, ", "))
	}
	if err := setup.WriteHeaders(r.path, r.process, now.all); err != nil {
		r.logger.Warn("client.headers could not be written", "cause", oneLine(err))
	}
	return nil
}

// loadAndCheck loads the source and makes all checks of a start. It also checks the policy for the
// address that the server listens on.
func (r *reloader) loadAndCheck(ctx context.Context) (loaded, error) {
	if r.path == "" {
		return loaded{}, errors.New("no .env: the policy comes from the environment, which cannot change while the server runs")
	}
	// Opening a pipe again would block forever, and so would the shutdown.
	if info, err := os.Stat(r.path); err == nil && !info.Mode().IsRegular() {
		return loaded{}, errors.New("the .env is not a regular file and cannot be read again")
	}
	now, err := r.load()
	if err != nil {
		return now, err
	}
	if _, err = now.check(ctx, true); err != nil && now.parseErr == nil {
		err = reload.Temporary(err) // retry: the cause may be a file that the .env refers to
	}
	if err == nil {
		err = httpapi.CheckPolicy(now.policy, r.addr, r.logger)
	}
	return now, err
}

// changedSettings returns the settings that differ from those at the start, without the policy.
func (r *reloader) changedSettings(now loaded) []string {
	return slices.DeleteFunc(setup.Keys[settings](), func(key string) bool { return now.all[key] == r.started.all[key] })
}

// removedDenials returns the DENY settings of existing services that have lost rules.
func removedDenials(before map[string]string, now loaded) (names []string) {
	for _, service := range now.policy.Services() {
		setting := "DENY_" + service
		rules := items(now.all[setting])
		if slices.ContainsFunc(items(before[setting]), func(rule string) bool { return !slices.Contains(rules, rule) }) {
			names = append(names, setting)
		}
	}
	return names
}

func items(list string) (all []string) {
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.TrimSpace(item); item != "" {
			all = append(all, item)
		}
	}
	return all
}

// logFindings logs the settings of the policy for which Lint has findings. It does not log rules.
func logFindings(logger *slog.Logger, policy *myvault.Policy) {
	var names []string
	for _, f := range policy.Lint() {
		if !f.Note && !slices.Contains(names, f.Setting) {
			names = append(names, f.Setting)
		}
	}
	if len(names) > 0 {
		logger.Warn("the policy has rules without effect, or with an effect that is probably not intended; run myvault lint for details", "settings", strings.Join(names, ", "))
	}
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
