// Package transfer moves everything a provider holds to another provider:
//
//	report, err := transfer.Copy(ctx, target, source, transfer.Options{By: "operator"})
//
// Copy is repeatable: run it while services still use the source, stop them, and run it again
// until both sides have the same digest. Then point the services at the target.
package transfer

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/myswiftagent/myvault"
)

// Options configures [Copy]. By is required.
type Options struct {
	// By is the service that the trail entries name.
	By string
	// DryRun reports what a run would write and what would fail. It writes nothing, not even to
	// the trail of the source.
	DryRun bool
	// Parallel is how many secrets are read or written at once; 0 means 64. Each needs memory
	// for two values and 2 MiB of others.
	Parallel int
	// DestroyUnreadable copies versions whose value the source cannot read as destroyed. These
	// are the versions of deleted secrets if the source is no [myvault.Archive]. By default Copy
	// refuses to run if there are any.
	DestroyUnreadable bool
	// Trail records the writes to a target that is no trail itself. NoTrail{} records none.
	Trail myvault.Trail
	// DigestKey keys the digests, so that short values cannot be guessed from them. If it is nil,
	// each run uses a random key and the digests of two runs differ.
	DigestKey []byte
	// Progress is called at most ten times a second and at the end of each phase, by one
	// goroutine at a time.
	Progress func(Progress)
}

// Copy copies everything that src holds to dst: the projects, and every version of every secret
// with its number, time, author, state, times of expiry and rotation, and value. It replays the
// histories with Provider.Apply, several secrets at once, each in the order of its versions. A
// destroyed version is replayed as a placeholder that is destroyed at once. The trail entries of
// these changes name Options.By as the service and "copy" as the way.
//
// Copy first reads both sides, with every value. The report lists everything that the target
// cannot represent, that the source cannot read, or that conflicts with the target. If there is
// anything, Copy writes nothing and returns ErrInvalid, [errors.ErrUnsupported] or ErrConflict.
// The target must be empty or hold the result of an earlier Copy. An interrupted run, or one made
// before the source changed, is continued. Nothing is overwritten.
//
// Finally Copy reads both sides again and compares their digests. It returns ErrConflict if they
// differ, usually because the source changed: stop its writers and copy again. Do not use the
// target before the digests are equal, as deleted secrets may be live there for a moment.
//
// The report is valid even if Copy fails. Values are kept only while they are copied.
func Copy(ctx context.Context, dst, src myvault.Provider, o Options) (Report, error) {
	c, err := newCopier(dst, src, o)
	if err != nil {
		return Report{}, wrap(myvault.Address{}, err)
	}
	if err := c.announce(ctx, myvault.OutcomeBegun); err != nil {
		return c.report, wrap(myvault.Address{}, err)
	}
	err = c.carry(ctx)
	// Not the caller's context: the entry is due even if the caller has left.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = c.announce(after, myvault.OutcomeOf(err))
	return c.report, wrap(myvault.Address{}, err)
}

// copier is the state of one Copy.
type copier struct {
	Options
	src, dst side
	single   atomic.Bool // the target makes one change at a time
	progress *progress
	report   Report

	// Results of the survey; the later phases only read them.
	lost       map[myvault.Address][]myvault.Version // versions that the source cannot read
	inProjects map[string]bool                       // projects with secrets in the source
	inUse      map[string]bool                       // projects with live secrets in the target
	registered map[string]bool                       // projects of the source
	pending    bool                                  // the target lacks something
}

const defaultParallel = 64

func newCopier(dst, src myvault.Provider, o Options) (*copier, error) {
	if dst == nil || src == nil || unfitAuthor(o.By) != "" || o.By == "" {
		return nil, fmt.Errorf("%w: Copy needs a target, a source and Options.By", myvault.ErrInvalid)
	}
	_, own := dst.(myvault.Trail)
	switch {
	case own && o.Trail != nil:
		return nil, fmt.Errorf("%w: the target keeps its own trail; Options.Trail must be nil", myvault.ErrInvalid)
	case !own && o.Trail == nil:
		return nil, fmt.Errorf("%w: the target keeps no trail; set Options.Trail (NoTrail{} for none)", myvault.ErrInvalid)
	}
	if o.Parallel <= 0 {
		o.Parallel = defaultParallel
	}
	if o.DigestKey == nil {
		o.DigestKey = make([]byte, 32)
		_, _ = rand.Read(o.DigestKey) // never fails
	}
	return &copier{
		Options: o, src: side{src}, dst: side{dst},
		progress:   newProgress(o.Progress),
		report:     Report{DryRun: o.DryRun},
		lost:       make(map[myvault.Address][]myvault.Version),
		inProjects: make(map[string]bool),
		inUse:      make(map[string]bool),
		registered: make(map[string]bool),
	}, nil
}

// announce records in the trail of the source that its values are read.
func (c *copier) announce(ctx context.Context, outcome myvault.Outcome) error {
	trail, ok := c.src.Provider.(myvault.Trail)
	if !ok || c.DryRun {
		return nil
	}
	e := c.entry("copy", myvault.Address{})
	e.Outcome = outcome
	if err := trail.Record(ctx, e); err != nil {
		return fmt.Errorf("%w: %w", myvault.ErrTrail, err)
	}
	return nil
}

func (c *copier) entry(action string, addr myvault.Address) myvault.Entry {
	at := timestamp()
	return myvault.Entry{At: at, First: at, Last: at, Count: 1, Service: c.By, Via: "copy", Action: action, Address: addr, Outcome: myvault.OutcomeOK}
}

func (c *copier) carry(ctx context.Context) error {
	before, err := c.survey(ctx)
	if err != nil {
		return err
	}
	if err := c.report.refusal(c.DestroyUnreadable); err != nil || c.DryRun {
		return err
	}
	if c.pending {
		if err := c.write(ctx); err != nil {
			return err
		}
	}
	return c.verify(ctx, before)
}

// write makes the target equal to the source. It copies the projects first, as a secret would
// register its project with its own time, and again at the end, as the project of a deleted secret
// may not be registered in the source.
func (c *copier) write(ctx context.Context) error {
	if err := c.copyProjects(ctx, false); err != nil {
		return err
	}
	c.progress.begin(Copying)
	err := ordered(ctx, c.Parallel, c.src.addresses(ctx), func(ctx context.Context, addr myvault.Address) (struct{}, error) {
		return struct{}{}, wrap(addr, c.replay(ctx, addr))
	}, func(struct{}) error {
		c.progress.address()
		return nil
	})
	c.report.Written = c.progress.written()
	c.progress.end()
	if err != nil {
		return err
	}
	return c.copyProjects(ctx, true)
}

// commit applies changes with their trail entries, in one Apply if the target supports that.
func (c *copier) commit(ctx context.Context, commit myvault.Commit) ([]myvault.Info, error) {
	if len(commit.Changes) > 1 && !c.single.Load() {
		infos, err := c.apply(ctx, commit)
		if !errors.Is(err, errors.ErrUnsupported) {
			return infos, err
		}
		c.single.Store(true)
	}
	if len(commit.Changes) == 1 {
		return c.apply(ctx, commit)
	}
	var all []myvault.Info
	for _, change := range commit.Changes {
		one := commit
		one.Changes = []myvault.Change{change}
		infos, err := c.apply(ctx, one)
		if err != nil {
			return all, err
		}
		all = append(all, infos...)
	}
	return all, nil
}

func (c *copier) apply(ctx context.Context, commit myvault.Commit) ([]myvault.Info, error) {
	for _, change := range commit.Changes {
		target := cmp.Or(change.Address, myvault.Address{Project: change.Project.Name})
		commit.Entries = append(commit.Entries, c.entry(change.Op.String(), target))
	}
	if c.Trail == nil {
		return c.dst.Apply(ctx, commit)
	}
	return myvault.ApplyWithTrail(ctx, c.dst.Provider, c.Trail.Record, commit)
}

// wrap adds the operation and the address to err, once; nil stays nil.
func wrap(addr myvault.Address, err error) error {
	if _, ok := errors.AsType[*myvault.Error](err); ok || err == nil {
		return err
	}
	return &myvault.Error{Op: "copy", Address: addr, Err: err}
}

// timestamp returns the current time as stores keep it: UTC, in whole microseconds.
func timestamp() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
