package providertest

import (
	"context"
	"fmt"
	"time"

	"github.com/myswiftagent/myvault"
)

// reader reads a feed.
type reader struct {
	*scenario
	feed myvault.Feed
}

// follow runs part of a clause with a feed of everything after a position.
func (s *scenario) follow(after myvault.Position, run func(*reader)) {
	feed, err := s.p.(myvault.Watcher).Watch(s.ctx, myvault.Prefix{}, after)
	s.noError("watch", err)
	defer feed.Close()
	run(&reader{s, feed})
}

// wantNoFeed checks that Watch returns the error want.
func (s *scenario) wantNoFeed(ctx context.Context, after myvault.Position, want error) {
	feed, err := s.p.(myvault.Watcher).Watch(ctx, myvault.Prefix{}, after)
	if err == nil {
		feed.Close()
	}
	s.wantError(fmt.Sprintf("watch after %q", after), err, want)
}

// wait waits until the feed is ready, and returns its next events.
func (r *reader) wait() []myvault.Event {
	events, err := r.poll()
	r.noError("next", err)
	return events
}

// poll is wait, and may be called by any goroutine.
func (r *reader) poll() ([]myvault.Event, error) {
	timeout := r.store.Timeout
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	select {
	case <-r.feed.Ready():
		return r.feed.Next(r.ctx)
	case <-time.After(timeout):
		return nil, fmt.Errorf("the feed was not ready within %v", timeout)
	}
}

// until reads events until one has a change of addr, the last.
func (r *reader) until(addr string) []myvault.Event {
	events, err := r.pollUntil(addr)
	r.noError("next", err)
	return events
}

// pollUntil is until, and may be called by any goroutine.
func (r *reader) pollUntil(addr string) (all []myvault.Event, err error) {
	for {
		events, err := r.poll()
		if err != nil {
			return all, err
		}
		all = append(all, events...)
		if n := len(all); n > 0 && all[n-1].Changes[len(all[n-1].Changes)-1].Address == address(addr) {
			return all, nil
		}
	}
}

const lastChange = "newsbot/the-last"

// finish makes a last change and returns all events before it.
func (r *reader) finish() []myvault.Event {
	r.do(put(lastChange, "x"))
	events := r.until(lastChange)
	last := events[len(events)-1]
	wantEqual(r.scenario, "changes in the event of the last commit", len(last.Changes), 1)
	return events[:len(events)-1]
}

// eventLines returns a line for each event, with its changes.
func eventLines(events []myvault.Event) (lines []string) {
	for _, e := range events {
		line := ""
		for _, c := range e.Changes {
			if line += "; "; c.Path == "" {
				line += c.Project
				continue
			}
			line += c.String()
		}
		lines = append(lines, line[min(2, len(line)):])
	}
	return lines
}

// pairs is how many commits of two changes several clauses make.
const pairs = 40

// putPair changes two secrets in one commit. It may be called by any goroutine.
func (s *scenario) putPair(n int) error {
	_, err := s.apply(put(fmt.Sprintf("newsbot/left-%d", n), "x"), put(fmt.Sprintf("newsbot/right-%d", n), "x"))
	return err
}

func pairLine(n, version int) string {
	return fmt.Sprintf("newsbot/left-%d version %d live; newsbot/right-%[1]d version %[2]d live", n, version)
}

// makeChanges makes n changes in large commits.
func (s *scenario) makeChanges(n int) {
	const atOnce = 1000
	for ; n > 0; n -= atOnce {
		changes := make([]myvault.Change, min(n, atOnce))
		for i := range changes {
			changes[i] = put(fmt.Sprintf("newsbot/%d", i), "x")
		}
		s.doAll(changes...)
	}
}

// wantPairs checks that the events are all versions of the pairs of putPair: each once, whole, and
// the versions of each pair in order.
func (s *scenario) wantPairs(events []myvault.Event, kinds, versions int) {
	next := make(map[string]bool)
	for n := range kinds {
		next[pairLine(n, 1)] = true
	}
	for _, line := range eventLines(events) {
		wantEqual(s, "expected next: "+line, next[line], true)
		delete(next, line)
		var n, version int
		_, _ = fmt.Sscanf(line, "newsbot/left-%d version %d", &n, &version)
		next[pairLine(n, version+1)] = version < versions
	}
	wantEqual(s, "commits", len(events), kinds*versions)
}

// checkVisible reads events to the last change, and checks that each is visible.
func (r *reader) checkVisible() error {
	for {
		events, err := r.poll()
		if err != nil {
			return err
		}
		for _, e := range events {
			for _, c := range e.Changes {
				secret, err := r.p.Get(r.ctx, c.Address, 0)
				if err != nil {
					return fmt.Errorf("get %v after its event: %w", c.Address, err)
				}
				if secret.Version < c.Version {
					return fmt.Errorf("the event of version %d came while Get returned version %d", c.Version, secret.Version)
				}
				if c.Address == address(lastChange) {
					return nil
				}
			}
		}
	}
}
