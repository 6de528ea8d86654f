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
	"github.com/myswiftagent/myvault/internal/watch"
)

// lookEvery is how often the .env is looked at. What changed is in force within twice that.
const lookEvery = time.Second

// source is where the settings come from: the .env at path, if that is not "", and the environment.
type source struct {
	path    string
	process map[string]string
}

// loaded is what a source gave.
type loaded struct {
	settings
	policy *myvault.Policy
	all    map[string]string
}

// load reads the source, and gives everything that is wrong with it at once.
func (s source) load() (l loaded, err error) {
	if l.all, err = setup.Read[settings](s.path, s.process); err != nil {
		return l, err
	}
	var unparsed error
	l.settings, unparsed = setup.Parse[settings](l.all)
	l.policy, err = myvault.ParsePolicy(l.all)
	if err == nil && l.Due != "" && !slices.Contains(l.policy.Services(), l.Due) {
		err = errors.New("MYVAULT_DUE names no service of ALLOWED_SERVICES") // nor shown: it may be anything
	}
	return l, errors.Join(unparsed, err)
}

// reloader puts the policy of a source in force anew while the server runs.
type reloader struct {
	source
	files        *watch.Files
	hangups      <-chan os.Signal
	started      loaded                // what the server runs with
	certificates *httpapi.Certificates // nil without HTTPS
	vault        *myvault.Vault
	addr         net.Addr
	logger       *slog.Logger
	reloading    sync.Mutex
}

// run reloads at each hangup and when the .env has changed, until ctx ends. It waits for a reload that is
// under way, so that none comes once the vault is closed.
func (r *reloader) run(ctx context.Context) {
	lintInto(r.logger, r.started.policy)
	var watching sync.WaitGroup
	defer watching.Wait()
	if r.files != nil {
		const why = "the .env changed"
		watching.Go(func() {
			r.files.Run(ctx, lookEvery, func() error { return r.reload(why) }, func(err error) { r.tell(why, err) })
		})
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.hangups:
			r.tell("SIGHUP", r.reload("SIGHUP"))
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

// reload puts the policy in force, whole, or gives why the one before stays.
func (r *reloader) reload(why string) error {
	r.reloading.Lock() // what is read last is in force last
	defer r.reloading.Unlock()
	now, err := r.again()
	if err != nil {
		return err
	}
	r.vault.SetPolicy(now.policy)
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

// again loads the source once more, for the address that the server has.
func (r *reloader) again() (loaded, error) {
	if r.path == "" {
		return loaded{}, errors.New("there is no .env: the policy comes from the environment of the process, which nobody can change")
	}
	// What is read but once was read at the start: the opening of a pipe would wait for ever, and so would the server's end.
	if info, err := os.Stat(r.path); err == nil && !info.Mode().IsRegular() {
		return loaded{}, errors.New("the .env is no regular file, and cannot be read a second time")
	}
	now, err := r.load()
	if err == nil {
		err = httpapi.CheckPolicy(now.policy, r.addr, r.logger)
	}
	return now, err
}

// unlike gives the names of the settings, besides the policy, that are not those that the server runs with.
func (r *reloader) unlike(now loaded) []string {
	return slices.DeleteFunc(setup.Keys[settings](), func(key string) bool { return now.all[key] == r.started.all[key] })
}

// lintInto names the settings of the policy in which something has no effect. The rules
// themselves are not for logs.
func lintInto(logger *slog.Logger, policy *myvault.Policy) {
	var names []string
	for _, f := range policy.Lint() {
		if !slices.Contains(names, f.Setting) {
			names = append(names, f.Setting)
		}
	}
	if len(names) > 0 {
		logger.Warn("something in the policy has no effect; the server's -lint tells what", "settings", strings.Join(names, ", "))
	}
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
