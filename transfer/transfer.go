package transfer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/myswiftagent/myvault"
)

// Options says how [Copy] works. By is required; zero fields have the meaning told.
type Options struct {
	// By is who copies: the service of the entries in the trail.
	By string
	// DryRun reports the copies that would succeed and those that would fail. Nothing is written,
	// not even to the trail of the source: no value leaves Copy.
	DryRun bool
	// Parallel is how many secrets are looked at or written at once. 0 means 64. Each holds
	// at most two values and 2 MiB of others.
	Parallel int
	// DestroyUnreadable carries versions as destroyed whose value the source cannot give: those
	// of deleted secrets, where it is no [Archive]. Else they make Copy refuse.
	DestroyUnreadable bool
	// Trail records what is written to a target that is no Trail itself; NoTrail{} for none.
	Trail myvault.Trail
	// DigestKey is mixed into the digests, so that they tell nothing about short values.
	// Nil draws a key at random; then the digests of two runs differ.
	DigestKey []byte
	// Progress is called now and then, and at the end of each phase, by one goroutine at a time.
	Progress func(Progress)
}

// Copy carries everything that src holds to dst: every version with its number, time, author,
// state, expiry and value, and the projects with theirs. It replays the histories through
// Provider.Apply, several secrets at once, each in the order of its versions; destroyed ones
// are replayed with a placeholder that is destroyed at once. The entries of these changes say
// that CopyOptions.By made them now, via "copy".
//
// First it looks at both sides and reads every value. What the target cannot represent, what
// the source cannot give and what stands in the target's way are all listed in the report, and
// Copy refuses before it has written anything: [errors.ErrUnsupported], ErrInvalid or ErrConflict.
// The target must be empty, or hold what an earlier Copy left there: a run that was cut off
// anywhere, or made before the source changed, is continued where it stopped. Nothing is
// overwritten.
//
// At the end both sides are read again and their digests compared. ErrConflict means that they
// differ, mostly because the source changed meanwhile: stop what writes there and copy again.
// Nobody else may use the target before the digests are equal: secrets that are deleted in
// the source can be live there for a moment.
//
// The report counts even where Copy fails. Values are not kept beyond those being carried.
func Copy(ctx context.Context, dst, src myvault.Provider, o Options) (Report, error) {
	c, err := newCopier(dst, src, o)
	if err != nil {
		return Report{}, wrap(myvault.Address{}, err)
	}
	if err := c.announce(ctx, myvault.OutcomeBegun); err != nil {
		return c.report, wrap(myvault.Address{}, err)
	}
	err = c.carry(ctx)
	// What was read and written is so, whether this entry can be written or not.
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_ = c.announce(after, myvault.OutcomeOf(err))
	return c.report, wrap(myvault.Address{}, err)
}

// copier is one Copy.
type copier struct {
	Options
	src, dst side
	single   atomic.Bool // the target makes one change at a time
	progress *progress
	report   Report

	// What the survey found, which the phases behind it only read.
	lost       map[myvault.Address][]myvault.Version // not readable in the source
	inProjects map[string]bool                       // projects that the source has secrets in
	inUse      map[string]bool                       // projects that the target has live secrets in
	registered map[string]bool                       // projects of the source
	pending    bool                                  // there is something to write
}

const defaultParallel = 64

func newCopier(dst, src myvault.Provider, o Options) (*copier, error) {
	if dst == nil || src == nil || unfitAuthor(o.By) != "" || o.By == "" {
		return nil, fmt.Errorf("%w: Copy needs a target, a source, and in CopyOptions.By the name of who copies", myvault.ErrInvalid)
	}
	_, own := dst.(myvault.Trail)
	switch {
	case own && o.Trail != nil:
		return nil, fmt.Errorf("%w: the target is a trail itself, so CopyOptions.Trail must be nil", myvault.ErrInvalid)
	case !own && o.Trail == nil:
		return nil, fmt.Errorf("%w: the target keeps no trail; set CopyOptions.Trail, to NoTrail{} for none", myvault.ErrInvalid)
	}
	if o.Parallel <= 0 {
		o.Parallel = defaultParallel
	}
	if o.DigestKey == nil {
		o.DigestKey = make([]byte, 32)
		_, _ = rand.Read(o.DigestKey) // it never fails: it crashes the program where there is no randomness
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

// announce records in the source's trail that its values were read.
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

// write brings the target to where the source is. The register goes first, because a secret
// registers its project with its own time, and last, because that of a deleted secret may not
// be registered at all.
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

// commit applies changes, with the entries that tell of the copy, at once where the target can.
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
		commit.Entries = append(commit.Entries, c.entry(change.Op.String(), change.Target()))
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

// internalProject reports whether name is a project of the vault's own records.
func internalProject(name string) bool { return strings.HasPrefix(name, ".") }
