package run

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// The exit codes of run itself, as those of env(1) and timeout(1). A program that a signal ended
// has 128 and the number of the signal.
const (
	ExitFailed      = 125 // the program was not started, for another reason
	ExitNotRunnable = 126
	ExitNotFound    = 127
)

// outputTimeout limits how long to wait for output after the end of the program. Its child
// processes may keep its output open.
const outputTimeout = 2 * time.Second

// Program describes a program to start.
type Program struct {
	Args    []string
	Environ []string
	Mask    *Patterns // nil: the program writes to the files itself
	Stdin   *os.File
	Stdout  *os.File
	Stderr  *os.File
}

// process is a running program.
type process struct {
	cmd     *exec.Cmd
	console *console // its terminal, or nil
	copying sync.WaitGroup
	opened  []*os.File // the ends of its output
	mask    atomic.Pointer[Patterns]
	ended   atomic.Bool
	group   bool // it leads its own process group
	exited  chan struct{}
	code    int
}

// StartError is the error of a program that could not be started.
type StartError struct {
	Code int // the exit code that says so
	Err  error
}

// Error returns the text of the cause.
func (e *StartError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *StartError) Unwrap() error { return e.Err }

// start starts p. On a terminal, console is that of this process.
func start(p Program, c *console) (*process, error) {
	path, err := exec.LookPath(p.Args[0])
	if err != nil {
		return nil, startError(err)
	}
	r := &process{exited: make(chan struct{}), console: c}
	r.mask.Store(p.Mask)
	r.cmd = &exec.Cmd{Path: path, Args: p.Args, Env: p.Environ, Stdin: p.Stdin, Stdout: p.Stdout, Stderr: p.Stderr}
	childEnds, err := r.connect(p)
	if err != nil {
		return nil, errors.Join(&StartError{ExitFailed, err}, closeAll(childEnds), closeAll(r.opened))
	}
	r.setGroup(p)
	started := make(chan error)
	go r.supervise(started)
	err = <-started
	_ = closeAll(childEnds)
	if err != nil {
		_ = closeAll(r.opened)
		r.copying.Wait()
		return nil, startError(err)
	}
	return r, nil
}

// supervise starts the program and waits for it, on one thread: on Linux, the program gets a
// signal when the thread that started it ends.
func (r *process) supervise(started chan<- error) {
	runtime.LockOSThread()
	err := r.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	_ = r.cmd.Wait() // ProcessState says more
	r.code = exitCodeOf(r.cmd.ProcessState)
	r.awaitOutput()
	close(r.exited)
}

// awaitOutput waits for the rest of the output, however slowly it is read. It waits only
// outputTimeout for output of child processes that are left.
func (r *process) awaitOutput() {
	r.ended.Store(true)
	for _, in := range r.opened {
		_ = in.SetReadDeadline(time.Now()) // wakes its reader, which sets a new deadline
	}
	r.copying.Wait()
}

// pipe returns the end of a pipe for the program. Its output is masked and written to out.
func (r *process) pipe(out *os.File) (*os.File, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	r.copy(out, read)
	return write, nil
}

// copy copies from in to out, masked, until the end of in. If out is closed, it closes in, so that
// the program gets SIGPIPE as it would without masking.
func (r *process) copy(out io.Writer, in *os.File) {
	r.opened = append(r.opened, in)
	r.copying.Go(func() {
		m := NewMasker(out, r.mask.Load())
		chunk := make([]byte, 64<<10)
		for {
			n, err := r.read(in, chunk)
			m.patterns = r.mask.Load()
			if _, writeErr := m.Write(chunk[:n]); err != nil || writeErr != nil {
				break
			}
		}
		_ = m.Close()
		_ = in.Close()
	})
}

// addMask masks the values of a further program too.
func (r *process) addMask(p Program) {
	if current := r.mask.Load(); current != nil && p.Mask != nil {
		r.mask.Store(current.with(p.Mask))
	}
}

// read reads from in. Once the program has ended, it waits at most outputTimeout.
func (r *process) read(in *os.File, chunk []byte) (int, error) {
	for {
		ended := r.ended.Load()
		if ended {
			if err := in.SetReadDeadline(time.Now().Add(outputTimeout)); err != nil {
				return 0, err
			}
		}
		n, err := in.Read(chunk)
		if ended || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
	}
}

func closeAll[C io.Closer](all []C) error {
	var errs []error
	for _, c := range all {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

func startError(err error) error {
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return &StartError{ExitNotFound, err}
	case errors.Is(err, exec.ErrDot):
		return &StartError{ExitNotFound, errors.New("the program is in this directory: write ./ before its name")}
	}
	return &StartError{ExitNotRunnable, err}
}
