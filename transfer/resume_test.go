package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/transfer"
)

// errCut is the error of a provider that is cut off.
var errCut = errors.New("cut off")

// cutOff fails every call from the nth Apply on; that Apply may still be made.
type cutOff struct {
	*memory.Provider
	left chan struct{} // the calls that are answered
	late bool          // the last one is made, and not answered
	many bool
}

func (p *cutOff) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	if !p.many && len(c.Changes) > 1 {
		return nil, errors.ErrUnsupported
	}
	select {
	case <-p.left:
		return p.Provider.Apply(ctx, c)
	default:
	}
	if p.late {
		_, _ = p.Provider.Apply(ctx, c)
	}
	return nil, errCut
}

// TestCopyIsContinued cuts the copy off at each change and checks that the next run completes it.
func TestCopyIsContinued(t *testing.T) {
	is := is.New(t)
	src := memory.New(memory.Config{})
	newHistory(t, src, 5).changes(120)
	want, cuts := dump(t, src), 0
	for _, many := range []bool{true, false} {
		for n, more := 0, true; more; n++ {
			dst := memory.New(memory.Config{})
			p := &cutOff{Provider: dst, left: make(chan struct{}, n), late: n%2 == 0, many: many}
			for range n {
				p.left <- struct{}{}
			}
			_, err := transfer.Copy(t.Context(), p, src, options)
			more = err != nil
			if more {
				cuts++
				is.True(errors.Is(err, errCut))
				copyEqual(t, dst, src, options)
			}
			is.Equal(dump(t, dst), want)
		}
	}
	is.True(cuts > 80)
}

// unsure reports an unknown outcome or unavailability for one call in three. It may have made the
// change.
type unsure struct {
	*memory.Provider
	mu    *sync.Mutex
	calls map[myvault.Address]int
}

func (p unsure) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	p.mu.Lock()
	n := p.calls[c.Changes[0].Address]
	p.calls[c.Changes[0].Address]++
	p.mu.Unlock()
	switch n % 9 {
	case 2:
		return nil, myvault.ErrUnknownOutcome
	case 5:
		_, _ = p.Provider.Apply(ctx, c)
		return nil, myvault.ErrUnknownOutcome
	case 8:
		return nil, myvault.ErrUnavailable
	}
	return p.Provider.Apply(ctx, c)
}

func TestCopySettlesUnknownOutcomes(t *testing.T) {
	is := is.New(t)
	src, dst := memory.New(memory.Config{}), memory.New(memory.Config{})
	h := newHistory(t, src, 6)
	h.paths = h.paths[:1]
	h.changes(300)
	p := unsure{dst, new(sync.Mutex), make(map[myvault.Address]int)}
	o := options
	o.Parallel = 32
	copyEqual(t, p, src, o)
	is.True(p.calls[myvault.Address{Project: "newsbot", Path: "prod"}] > 9) // each answer was given
}

// TestCopyFollowsASourceThatChanges checks that each run copies the changes since the last one.
func TestCopyFollowsASourceThatChanges(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			is := is.New(t)
			src, dst := memory.New(memory.Config{}), memory.New(memory.Config{})
			h := newHistory(t, src, 100+seed)
			h.projects = []string{"a", "b", "c", ".vault", "d"}
			for _, name := range h.projects { // a project that goes and comes back is another one
				h.apply("x", epoch, myvault.Change{Op: myvault.OpPut, Address: myvault.Address{Project: name, Path: "always"}, Value: myvault.Text("v")})
			}
			o := options
			for range 12 {
				o.Progress = func(p transfer.Progress) {
					if p.Ended && p.Phase == transfer.Copying {
						h.p = withoutProjects{src}
						h.changes(5)
					}
				}
				r, err := transfer.Copy(t.Context(), dst, src, o)
				is.True(err == nil || errors.Is(err, myvault.ErrConflict))
				is.Equal(r.Equal(), err == nil)
				is.True(err == nil || r.SourceChanged)
				is.True(err == nil || len(r.Different) > 0)
				h.p = src
				h.changes(10)
			}
			copyEqual(t, dst, src, options)
			is.Equal(undeleted(t, src), undeleted(t, dst))
		})
	}
}

// withoutProjects makes no changes of projects.
type withoutProjects struct{ *memory.Provider }

func (p withoutProjects) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	if c.Changes[0].Op >= myvault.OpPutProject {
		return nil, myvault.ErrInvalid
	}
	return p.Provider.Apply(ctx, c)
}
