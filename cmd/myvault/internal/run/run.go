package run

import (
	"os"
	"time"
)

// Run runs a program and returns its exit code. Signals that this process gets are passed on.
func Run(p Program) (code int, err error) {
	return Watch(p, Changes{})
}

// Changes says when and how a program gets new values.
type Changes struct {
	Programs <-chan Program // the program with new values; nil: never
	Grace    time.Duration  // between SIGTERM and SIGKILL
	Signal   os.Signal      // sent instead of a restart, unless nil
	Report   func(text string)
}

// Watch runs a program and restarts it with each program of changes: it sends SIGTERM, waits, and
// sends SIGKILL. It returns the exit code once the program ends without a change, or by a signal
// that was passed on.
func Watch(p Program, changes Changes) (code int, err error) {
	signals, stop := catchSignals()
	defer stop()
	c, err := newConsole(p)
	if err != nil {
		return 0, &StartError{ExitFailed, err}
	}
	defer c.close()
	for {
		running, err := start(p, c)
		if err != nil {
			return 0, err
		}
		next, restart := running.await(signals, changes)
		if !restart {
			return running.code, nil
		}
		p = next
	}
}

// await passes signals on until the program ends. If it was stopped because of a change, await
// returns the program to start next.
func (r *process) await(signals <-chan os.Signal, changes Changes) (next Program, restart bool) {
	for {
		select {
		case <-r.exited:
			return Program{}, false
		case s := <-signals:
			r.forward(s)
		case next := <-changes.Programs:
			if changes.Signal != nil {
				r.addMask(next) // before the program reads the new values
				changes.Report("secrets have changed: the program gets a signal")
				r.signal(changes.Signal)
				continue
			}
			changes.Report("secrets have changed: the program is restarted")
			if r.stop(signals, changes.Grace) {
				return next, true
			}
			return Program{}, false
		}
	}
}

// stop ends the program for a restart. It reports false if a signal to end came in meanwhile.
func (r *process) stop(signals <-chan os.Signal, grace time.Duration) (restart bool) {
	restart = true
	r.terminate()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	for {
		select {
		case <-r.exited:
			r.kill() // child processes that are left have the old values
			return restart
		case s := <-signals:
			r.forward(s)
			restart = restart && !ends(s)
		case <-timer.C:
			r.kill()
		}
	}
}
