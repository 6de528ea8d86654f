package main

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
	"github.com/myswiftagent/myvault/examples/internal/setup"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/internal/reload"
)

// lookEvery is how often the .env is looked at. What changed is in force within twice that.
const lookEvery = time.Second

// How long the .env must stand still before a hangup has it read, and how long that is waited for.
const (
	still    = lookEvery / 4
	stillFor = 20 * still
)

// source is where the settings come from: the .env at path, if that is not "", and the environment.
type source struct {
	path    string
	process map[string]string
}

// loaded is what a source gave.
type loaded struct {
	settings
	policy *myvault.Policy // nil if it is wrong
	all    map[string]string
	wrong  error // settings that do not parse; check reports them with the rest
}

// load reads the source. Whether the settings are fit is for check.
func (s source) load() (l loaded, err error) {
	if l.all, err = setup.Read[settings](s.path, s.process); err != nil {
		return l, err
	}
	var unparsed, unfit error
	l.settings, unparsed = setup.Parse[settings](l.all)
	l.policy, unfit = myvault.ParsePolicy(l.all)
	l.wrong = errors.Join(unparsed, unfit)
	return l, nil
}

// reloader puts the policy of a source in force anew while the server runs.
type reloader struct {
	source
	files        *reload.Files
	hangups      <-chan os.Signal
	started      loaded                // what the server runs with
	certificates *httpapi.Certificates // nil without HTTPS
	vault        *myvault.Vault
	addr         net.Addr
	output       *output
	logger       *slog.Logger      // of output
	inForce      map[string]string // the settings of the policy that is; one reload at a time
}

// run reloads at each hangup and when the .env has changed, until ctx ends. It waits for a reload that is
// under way, so that none comes once the vault is closed.
func (r *reloader) run(ctx context.Context) {
	lintInto(r.logger, r.started.policy)
	r.inForce = r.started.all
	var watching sync.WaitGroup
	defer watching.Wait()
	if r.files != nil {
		const why = "the .env changed"
		watching.Go(func() {
			r.files.Run(ctx, lookEvery, func() error { return r.reload(ctx, why) }, func(err error) { r.tell(why, err) })
		})
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.hangups:
			r.tell("SIGHUP", r.hangup(ctx))
			r.reloadCertificates()
		}
	}
}

// tell says why a policy stays.
func (r *reloader) tell(why string, err error) {
	if err != nil {
		r.logger.Error("the policy is not reloaded, and the one before stays in force", "why", why, "cause", oneLine(err))
	}
}

// hangup reloads once the .env stands still: what is half written may parse, without the rules
// that come last.
func (r *reloader) hangup(ctx context.Context) error {
	waiting, stop := context.WithTimeout(ctx, stillFor)
	defer stop()
	if r.files != nil && !r.files.WaitStable(waiting, still) && ctx.Err() == nil {
		return errors.New("the .env is being written all the time; it is read once it stands still")
	}
	if ctx.Err() != nil {
		return nil // the server ends
	}
	const why = "SIGHUP"
	if r.files == nil {
		return r.reload(ctx, why)
	}
	return r.files.Load(func() error { return r.reload(ctx, why) })
}

// reload puts the policy in force, whole, or gives why the one before stays.
func (r *reloader) reload(ctx context.Context, why string) error {
	now, err := r.again(ctx)
	if err != nil {
		return err
	}
	r.vault.SetPolicy(now.policy)
	if names := undenied(r.inForce, now); len(names) > 0 {
		r.logger.Warn("rules that deny are gone; if that was not meant, look whether the .env is whole", "settings", strings.Join(names, ", "))
	}
	r.inForce = now.all
	r.logger.Info("the policy is reloaded", "why", why, "services", len(now.policy.Services()))
	lintInto(r.logger, now.policy)
	if names := r.unlike(now); len(names) > 0 {
		r.logger.Warn("these settings take effect at the next start", "settings", strings.Join(names, ", "))
	}
	if err := setup.WriteHeaders(r.path, r.process, now.all); err != nil {
		r.logger.Warn("the file of headers could not be written", "cause", oneLine(err))
	}
	return nil
}

// again loads the source once more. It refuses what a start would refuse, and a policy that is
// unfit for the address that the server has.
func (r *reloader) again(ctx context.Context) (loaded, error) {
	if r.path == "" {
		return loaded{}, errors.New("there is no .env: the policy comes from the environment of the process, which nobody can change")
	}
	// What is read but once was read at the start: the opening of a pipe would wait for ever, and so would the server's end.
	if info, err := os.Stat(r.path); err == nil && !info.Mode().IsRegular() {
		return loaded{}, errors.New("the .env is no regular file, and cannot be read a second time")
	}
	now, err := r.load()
	if err != nil {
		return now, err
	}
	if _, err = now.check(ctx, true); err != nil && now.wrong == nil {
		err = reload.Temporary(err) // it may be about a file that the .env names
	}
	if err == nil {
		err = httpapi.CheckPolicy(now.policy, r.addr, r.logger)
	}
	return now, err
}

// unlike gives the names of the settings, besides the policy, that are not those that the server runs with.
func (r *reloader) unlike(now loaded) []string {
	return slices.DeleteFunc(setup.Keys[settings](), func(key string) bool { return now.all[key] == r.started.all[key] })
}

// undenied gives the names of the settings, of services that are still there, which deny less
// than they did.
func undenied(before map[string]string, now loaded) (names []string) {
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

// lintInto names the settings of the policy in which -lint finds something. The rules
// themselves are not for logs.
func lintInto(logger *slog.Logger, policy *myvault.Policy) {
	var names []string
	for _, f := range policy.Lint() {
		if !f.Note && !slices.Contains(names, f.Setting) {
			names = append(names, f.Setting)
		}
	}
	if len(names) > 0 {
		logger.Warn("something in the policy has no effect, or is not what was meant; the server's -lint tells what", "settings", strings.Join(names, ", "))
	}
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
