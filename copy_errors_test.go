package myvault_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
)

const copyCanary = "s3cr3t-copyCanary"

var copied = myvault.Address{Project: "newsbot", Path: "prod/db"}

// restless is a source of which every secret has been written again when it is read.
type restless struct{ *memory.Provider }

func (p restless) Get(ctx context.Context, addr myvault.Address, _ myvault.Version) (myvault.Secret, error) {
	secret, err := p.Provider.Get(ctx, addr, 0)
	secret.At = secret.At.Add(time.Hour)
	return secret, err
}

// shared is a target that somebody else writes to at the same time.
type shared struct{ *memory.Provider }

func (p shared) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	infos, err := p.Provider.Apply(ctx, c)
	if err == nil {
		infos[0].Version++
	}
	return infos, err
}

// copyErrors brings about the errors of Copy; the copyCanary is the value of what is copied.
func copyErrors(t *testing.T) (all []error) {
	t.Helper()
	secret := func(t *testing.T) *memory.Provider {
		p := memory.New(memory.Config{})
		newHistory(t, p, 1).apply("x", copyBegin, myvault.Change{Op: myvault.OpPut, Address: copied, Value: myvault.Text(copyCanary)})
		return p
	}
	empty := func() *memory.Provider { return memory.New(memory.Config{}) }
	add := func(t *testing.T, dst, src myvault.Provider, o myvault.CopyOptions) {
		t.Helper()
		_, err := myvault.Copy(t.Context(), dst, src, o)
		if err == nil {
			t.Error("no error")
		}
		all = append(all, err)
	}
	synctest.Test(t, func(t *testing.T) { // no waiting between tries
		add(t, nil, empty(), copies)
		add(t, empty(), empty(), myvault.CopyOptions{By: "x", Trail: myvault.NoTrail{}})
		add(t, struct{ myvault.Provider }{empty()}, empty(), copies)
		add(t, empty(), struct{ myvault.Provider }{restless{secret(t)}}, copies)
		add(t, shared{empty()}, secret(t), copies)
		add(t, secret(t), empty(), copies)
		add(t, spoiling{empty(), func(c *myvault.Commit) { c.By = copyCanary[:3] }}, secret(t), copies)
		limit := limited{empty()}
		src := secret(t)
		for range 2 {
			newHistory(t, src, 1).apply("x", copyBegin, myvault.Change{Op: myvault.OpPut, Address: copied, Value: myvault.Text(copyCanary)})
		}
		add(t, limit, src, copies)
		o := copies
		o.Progress = func(p myvault.CopyProgress) {
			if p.Ended && p.Phase == myvault.PhaseCopy {
				newHistory(t, src, 1).apply("x", copyBegin, myvault.Change{Op: myvault.OpDelete, Address: copied})
			}
		}
		add(t, empty(), src, o)
		add(t, empty(), struct{ myvault.Provider }{src}, copies) // it is deleted now
	})
	return all
}

// TestCopyLeavesWhatCameTooLate: a secret that comes to life in a project that is registered only
// while the copy runs would register it in the target as something else.
func TestCopyLeavesWhatCameTooLate(t *testing.T) {
	is := is.New(t)
	src, dst := memory.New(memory.Config{}), memory.New(memory.Config{})
	h := newHistory(t, src, 1)
	h.apply("x", copyBegin, myvault.Change{Op: myvault.OpPut, Address: copied, Value: myvault.Text("v")})
	o := copies
	o.Progress = func(p myvault.CopyProgress) {
		if p.Ended && p.Phase == myvault.PhaseSurvey {
			h.apply("y", copyBegin.Add(1*time.Second), myvault.Change{Op: myvault.OpPutProject, Project: myvault.Project{Name: "late"}})
			late := myvault.Address{Project: "late", Path: "x"}
			h.apply("x", copyBegin.Add(2*time.Second), myvault.Change{Op: myvault.OpPut, Address: late, Value: myvault.Text("v")})
		}
	}
	r, err := myvault.Copy(t.Context(), dst, src, o)
	is.True(errors.Is(err, myvault.ErrConflict))
	is.True(r.SourceChanged)
	is.Equal(len(r.Different), 1)
	copyEqual(t, dst, src, copies)
}
