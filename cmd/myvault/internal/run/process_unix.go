//go:build unix

package run

import (
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// forwarded are the signals that are passed on to the program.
var forwarded = []os.Signal{
	syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH,
}

// console is the terminal of this process while a program runs in a pseudo-terminal.
type console struct {
	stdin  *os.File // nil: not a terminal
	stdout *os.File
	state  *term.State

	mu  sync.Mutex
	pty *os.File // of the running program
}

// newConsole prepares the terminal, or returns nil if the output is not masked or goes to no
// terminal. Keys are passed on unchanged: the pseudo-terminal makes a signal of Ctrl-C.
func newConsole(p Program) (*console, error) {
	if p.Mask == nil || !term.IsTerminal(int(p.Stdout.Fd())) {
		return nil, nil
	}
	c := &console{stdout: p.Stdout}
	if !term.IsTerminal(int(p.Stdin.Fd())) {
		return c, nil
	}
	state, err := term.MakeRaw(int(p.Stdin.Fd()))
	if err != nil {
		return nil, err
	}
	c.stdin, c.state = p.Stdin, state
	go c.copyKeys()
	return c, nil
}

// close restores the terminal.
func (c *console) close() {
	if c != nil && c.state != nil {
		_ = term.Restore(int(c.stdin.Fd()), c.state)
	}
}

// copyKeys copies keys to the pseudo-terminal of the running program.
func (c *console) copyKeys() {
	keys := make([]byte, 4096)
	for {
		n, err := c.stdin.Read(keys)
		if n > 0 {
			if current := c.current(); current != nil {
				_, _ = current.Write(keys[:n])
			}
		}
		if err != nil {
			return
		}
	}
}

func (c *console) current() *os.File {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pty
}

// open returns both ends of a new pseudo-terminal of the same size.
func (c *console) open() (ours, theirs *os.File, err error) {
	ours, theirs, err = pty.Open()
	if err != nil {
		return nil, nil, err
	}
	if ours, err = withDeadlines(ours); err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	setSize(ours, c.stdout)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pty = ours
	return ours, theirs, nil
}

// withDeadlines returns f in non-blocking mode, in which reads can have a deadline. Package pty
// leaves it in blocking mode.
func withDeadlines(f *os.File) (*os.File, error) {
	duplicate, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(duplicate, true)
	}
	return os.NewFile(uintptr(duplicate), f.Name()), errors.Join(err, f.Close())
}

// setSize copies the size of a terminal to a pseudo-terminal. It does not use File.Fd, which ends
// the non-blocking mode.
func setSize(to, from *os.File) {
	size, err := unix.IoctlGetWinsize(int(from.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return
	}
	if raw, err := to.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, size) })
	}
}

func (c *console) resize() {
	if current := c.current(); current != nil {
		setSize(current, c.stdout)
	}
}

// connect connects the program with the files of p, and returns what it got, to be closed once it
// runs.
func (r *process) connect(p Program) (childEnds []*os.File, err error) {
	if p.Mask == nil {
		return nil, nil
	}
	if r.console == nil {
		return r.connectPipes(p, true)
	}
	ours, theirs, err := r.console.open()
	if err != nil {
		return nil, err
	}
	r.copy(p.Stdout, ours)
	r.cmd.Stdout = theirs
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 1}
	if r.console.stdin != nil {
		r.cmd.Stdin = theirs
	}
	if term.IsTerminal(int(p.Stderr.Fd())) {
		r.cmd.Stderr = theirs
		return []*os.File{theirs}, nil
	}
	childEnds, err = r.connectPipes(p, false)
	return append(childEnds, theirs), err
}

// connectPipes connects stderr and, if stdout is set, stdout.
func (r *process) connectPipes(p Program, stdout bool) (childEnds []*os.File, err error) {
	if stdout {
		end, err := r.pipe(p.Stdout)
		if err != nil {
			return nil, err
		}
		r.cmd.Stdout, childEnds = end, append(childEnds, end)
	}
	end, err := r.pipe(p.Stderr)
	if err != nil {
		return childEnds, err
	}
	r.cmd.Stderr = end
	return append(childEnds, end), nil
}

// setGroup makes the program the leader of a process group, so that a signal reaches its child
// processes too. If it reads from the terminal itself, it stays in the group of this process: a
// group in the background must not read from a terminal.
func (r *process) setGroup(p Program) {
	r.group = true
	if r.cmd.SysProcAttr == nil {
		r.group = !term.IsTerminal(int(p.Stdin.Fd()))
		r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: r.group}
	}
	endWithParent(r.cmd.SysProcAttr)
}

// forward passes a signal on to the program. If it leads no group, the program gets the
// signals of the terminal's keys from the terminal.
func (r *process) forward(s os.Signal) {
	switch {
	case s == syscall.SIGWINCH && r.console != nil:
		r.console.resize()
	case r.group:
		r.signal(s)
	case s != syscall.SIGINT && s != syscall.SIGQUIT && s != syscall.SIGWINCH:
		r.signal(s)
	}
}

// signal sends a signal to the program and, if it leads a group, to its child processes.
func (r *process) signal(s os.Signal) {
	number, ok := s.(syscall.Signal)
	if !ok {
		return
	}
	if r.group {
		_ = syscall.Kill(-r.cmd.Process.Pid, number)
		return
	}
	_ = r.cmd.Process.Signal(number)
}

func exitCodeOf(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

func (r *process) terminate() { r.signal(syscall.SIGTERM) }

func (r *process) kill() { r.signal(syscall.SIGKILL) }

// ParseSignal returns the signal with a name such as HUP or SIGHUP.
func ParseSignal(name string) (os.Signal, bool) {
	for _, s := range []struct {
		name   string
		signal syscall.Signal
	}{
		{"HUP", syscall.SIGHUP}, {"INT", syscall.SIGINT}, {"QUIT", syscall.SIGQUIT}, {"TERM", syscall.SIGTERM},
		{"USR1", syscall.SIGUSR1}, {"USR2", syscall.SIGUSR2},
	} {
		if name == s.name || name == "SIG"+s.name {
			return s.signal, true
		}
	}
	return nil, false
}

// catchSignals receives the signals to pass on, until stop is called.
func catchSignals() (signals chan os.Signal, stop func()) {
	signals = make(chan os.Signal, 16)
	signal.Notify(signals, forwarded...)
	return signals, func() { signal.Stop(signals) }
}

// ends reports whether a signal asks this process to end.
func ends(s os.Signal) bool {
	return s == syscall.SIGINT || s == syscall.SIGTERM || s == syscall.SIGHUP || s == syscall.SIGQUIT
}
