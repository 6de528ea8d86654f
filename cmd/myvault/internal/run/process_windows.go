package run

import (
	"os"
	"os/signal"
)

// console is unused: on Windows, the output of a program that is masked is a pipe.
type console struct{}

func newConsole(Program) (*console, error) { return nil, nil }

func (*console) close() {}

// connect connects the program with pipes, if its output is masked.
func (r *process) connect(p Program) (childEnds []*os.File, err error) {
	if p.Mask == nil {
		return nil, nil
	}
	out, err := r.pipe(p.Stdout)
	if err != nil {
		return nil, err
	}
	r.cmd.Stdout = out
	errs, err := r.pipe(p.Stderr)
	if err != nil {
		return []*os.File{out}, err
	}
	r.cmd.Stderr = errs
	return []*os.File{out, errs}, nil
}

// setGroup does nothing: Windows has no process groups that get signals.
func (r *process) setGroup(Program) {}

// forward does nothing: the console sends Ctrl-C to the program too.
func (r *process) forward(os.Signal) {}

// signal does nothing, because Windows has no signals.
func (r *process) signal(os.Signal) {}

// terminate ends the program, because Windows cannot ask it to end.
func (r *process) terminate() { _ = r.cmd.Process.Kill() }

func (r *process) kill() { _ = r.cmd.Process.Kill() }

func exitCodeOf(state *os.ProcessState) int { return state.ExitCode() }

// ParseSignal finds no signal: Windows has none that programs catch.
func ParseSignal(string) (os.Signal, bool) { return nil, false }

// catchSignals receives Ctrl-C, so that this process does not end before the program.
func catchSignals() (signals chan os.Signal, stop func()) {
	signals = make(chan os.Signal, 16)
	signal.Notify(signals, os.Interrupt)
	return signals, func() { signal.Stop(signals) }
}

// ends reports whether a signal asks this process to end.
func ends(s os.Signal) bool { return s == os.Interrupt }
