package scenarios

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"github.com/myswiftagent/myvault/bench/peers"
)

// The jobs of a child process.
const (
	jobRead  = "read"  // open a store, read, and print the memory that it took
	jobWrite = "write" // open a store, change it, and wait to be killed
	jobEcho  = "echo"  // open a store, make a change for each line, and print when it was committed
	noStore  = "none"  // the engine's name for a child without a store
)

// Child is the main function of a child process. args are the job, the engine, its directory, the
// number of secrets and the time limit of the job. Child returns at the end of in.
func Child(args []string, in io.Reader, out io.Writer) error {
	if len(args) != 5 {
		return errors.New("scenarios: child: want a job, an engine, a directory, a number of secrets and a time limit")
	}
	secrets, err := strconv.Atoi(args[3])
	if err != nil {
		return err
	}
	limit, err := time.ParseDuration(args[4])
	if err != nil {
		return err
	}
	if args[1] == noStore {
		return childRead(nothing{}, secrets, limit, out)
	}
	e, err := peers.ByName(args[1])
	if err != nil {
		return err
	}
	p, err := e.Open(args[2], childWriters)
	if err != nil {
		return err
	}
	switch args[0] {
	case jobRead:
		err = childRead(p, secrets, limit, out)
	case jobWrite:
		err = childWrite(p, secrets, limit, in, out)
	case jobEcho:
		err = childEcho(p, in, out)
	default:
		err = fmt.Errorf("scenarios: child: no job %q", args[0])
	}
	return errors.Join(err, p.Close())
}

// nothing takes the place of a store, to measure the program alone.
type nothing struct{}

func (nothing) Get(s peers.Secret) ([]byte, error) { return s.Value(0), nil }
func (nothing) Put(peers.Secret, []byte) error     { return nil }
func (nothing) Page(peers.Secret) (int, error)     { return 0, nil }
func (nothing) Close() error                       { return nil }

const (
	childReads   = 100_000
	childWriters = 16
	childChanges = 250 // per writer
)

// childRead reads from all parts of the store. It prints the peak memory of the process, its
// current private memory, and the number of reads.
func childRead(p peers.Peer, secrets int, limit time.Duration, out io.Writer) error {
	begin, n := time.Now(), 0
	for ; n < min(childReads, 10*secrets) && time.Since(begin) < limit; n++ {
		if _, err := p.Get(peers.Name(n * stride % secrets)); err != nil {
			return err
		}
	}
	peak, private, err := resident()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, peak, private, n)
	return err
}

// childWrite changes secrets other than the first, prints a line, and waits to be killed.
func childWrite(p peers.Peer, secrets int, limit time.Duration, in io.Reader, out io.Writer) error {
	var all sync.WaitGroup
	errs := make([]error, childWriters)
	begin := time.Now()
	for caller := range childWriters {
		all.Go(func() {
			for n := 0; n < childChanges && errs[caller] == nil && time.Since(begin) < limit; n++ {
				s := peers.Name(1 + (caller*childChanges+n)*stride%(secrets-1))
				errs[caller] = p.Put(s, s.Value(n+1))
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, "ready"); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, in)
	return err
}

// childEcho makes a change for each line of in, and prints the time in nanoseconds when it was
// committed.
func childEcho(p peers.Peer, in io.Reader, out io.Writer) error {
	if _, err := fmt.Fprintln(out, "ready"); err != nil {
		return err
	}
	s := peers.Name(0)
	lines := bufio.NewScanner(in)
	for n := 0; lines.Scan(); n++ {
		if err := p.Put(s, s.Value(n)); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(out, time.Now().UnixNano()); err != nil {
			return err
		}
	}
	return lines.Err()
}

// child starts a child process and returns its first line. end waits for a job that reads, and
// kills one that writes.
func (r *run) child(job, engine, dir string, secrets int, limit time.Duration) (line string, end func() error, err error) {
	args := append(r.Program[1:len(r.Program):len(r.Program)], job, engine, dir, fmt.Sprint(secrets), limit.String())
	cmd := exec.Command(r.Program[0], args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	var stderr prefixBuffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	line, err = bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = in.Close()
		return "", nil, fmt.Errorf("child: %s %s: %w: %s", job, engine, errors.Join(err, cmd.Wait()), stderr)
	}
	end = func() error {
		if job == jobRead {
			return errors.Join(in.Close(), cmd.Wait())
		}
		err := cmd.Process.Kill()
		_ = cmd.Wait() // reports that the process was killed
		return err
	}
	return line, end, nil
}

// prefixBuffer keeps the first 1,000 bytes of a child's standard error.
type prefixBuffer []byte

func (t *prefixBuffer) Write(b []byte) (int, error) {
	*t = append(*t, b[:min(len(b), 1000-min(len(*t), 1000))]...)
	return len(b), nil
}
