package linearizable

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// Process is a target in another process, which opens the store itself.
type Process struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	wait func() error // once

	mu      sync.Mutex
	calls   *gob.Encoder
	next    int
	waiting map[int]chan Answer // by request ID; nil once the process has ended
	ended   chan struct{}
}

// request and reply are the messages on the pipes.
type request struct {
	ID   int
	Call Call
}
type reply struct {
	ID     int
	Answer Answer
}

// storeSettings is the first message to the process.
type storeSettings struct{ Key, Dir string }

// Start runs a program that calls [Serve].
func Start(cmd *exec.Cmd, dir string, key crypto.Key) (*Process, error) {
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, in: in, calls: gob.NewEncoder(in), waiting: map[int]chan Answer{}, ended: make(chan struct{})}
	p.wait = sync.OnceValue(func() error {
		<-p.ended
		return cmd.Wait()
	})
	go p.receive(gob.NewDecoder(out))
	return p, p.calls.Encode(storeSettings{key.Text(), dir})
}

// receive delivers the answers to the callers. Calls without an answer when the process ends have
// an unknown outcome.
func (p *Process) receive(replies *gob.Decoder) {
	defer close(p.ended)
	for {
		var r reply
		if err := replies.Decode(&r); err != nil {
			break
		}
		p.mu.Lock()
		p.waiting[r.ID] <- r.Answer
		delete(p.waiting, r.ID)
		p.mu.Unlock()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.waiting {
		w <- Answer{Err: unknownOutcome}
	}
	p.waiting = nil
}

// Do implements [Target]. A call to a process that has ended has no effect.
func (p *Process) Do(c Call) Answer {
	p.mu.Lock()
	if p.waiting == nil {
		p.mu.Unlock()
		return Answer{Err: noEffect}
	}
	p.next++
	answer := make(chan Answer, 1)
	p.waiting[p.next] = answer
	_ = p.calls.Encode(request{p.next, c}) // receive handles the end of the process
	p.mu.Unlock()
	return <-answer
}

// Kill kills the process.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	_ = p.wait()
}

// Close makes the process close its store and waits for its end. It returns an error if closing
// failed or the process was killed.
func (p *Process) Close() error {
	_ = p.in.Close()
	return p.wait()
}

// Serve answers calls until the end of in, each in its own goroutine.
func Serve(in io.Reader, out io.Writer) error {
	calls, replies := gob.NewDecoder(in), gob.NewEncoder(out)
	var s storeSettings
	if err := calls.Decode(&s); err != nil {
		return err
	}
	key, err := crypto.ParseKey(s.Key)
	if err != nil {
		return err
	}
	store, err := sqlite.Open(context.Background(), s.Dir, sqlite.StaticKey(key), sqlite.Config{})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var wait sync.WaitGroup
	for {
		var r request
		if err = calls.Decode(&r); err != nil {
			break
		}
		wait.Go(func() {
			a := Local{store}.Do(r.Call)
			mu.Lock()
			defer mu.Unlock()
			_ = replies.Encode(reply{r.ID, a})
		})
	}
	wait.Wait()
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err := errors.Join(err, store.Close()); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
