package sqlite

import (
	"context"
	"errors"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/db"
)

// viaOperator is how entries name what was done with the files at hand, not by a session.
const viaOperator = "operator"

// administered records what was done to the store as a whole, or how that ended.
func (t *Trail) administered(ctx context.Context, action string, ended error) error {
	// It was done, so the end of the context must not keep it off the record.
	ctx, cancel := afterwards(ctx)
	defer cancel()
	return t.Record(ctx, myvault.Entry{Via: viaOperator, Action: action, Outcome: outcomeOf(ended)})
}

// begunEntry is the entry of what is about to be done to the store as a whole.
func begunEntry(action string) myvault.Entry {
	return myvault.Entry{Via: viaOperator, Action: action, Outcome: myvault.OutcomeBegun}
}

// administer does what changes the store as a whole: nothing without an entry that says that
// it was begun, and once it was, one that says how it ended.
func (t *Trail) administer(ctx context.Context, action string, do func() error) error {
	if err := t.Record(ctx, begunEntry(action)); err != nil {
		return err
	}
	err := do()
	return errors.Join(err, t.administered(ctx, action, err))
}

// outcomeOf gives the outcome that an error stands for.
func outcomeOf(err error) myvault.Outcome {
	switch {
	case err == nil:
		return myvault.OutcomeOK
	case errors.Is(err, myvault.ErrUnknownOutcome):
		return myvault.OutcomeUnknown
	}
	return myvault.OutcomeError
}

// durable opens a connection of its own whose commits are on disk when they return; the
// writer's of a trail are not.
func (f *file) durable(ctx context.Context) (*db.Conn, error) {
	if err := f.inPlace(); err != nil {
		return nil, err
	}
	return f.connect(ctx, db.Settings{Synchronous: db.SyncFull, CacheKB: db.ReaderCacheKB, Busy: db.BusyTimeout})
}

// reader opens a separate connection for a long read, which ctx interrupts.
func (f *file) reader(ctx context.Context) (*db.Conn, error) {
	if f.closing.Load() {
		return nil, myvault.ErrClosed
	}
	if err := f.inPlace(); err != nil {
		return nil, err
	}
	c, err := f.readers.open(ctx)
	if err == nil {
		c.SetInterrupt(ctx)
	}
	return c, err
}

// afterwards returns a context for the work that must follow an operation even if ctx has ended. It
// ends soon if another process holds the file.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), closingWithin)
}

// payOwed removes old bytes that could not be removed before.
func (f *file) payOwed(ctx context.Context) {
	if f.writer.owed.Load() {
		ctx, cancel := afterwards(ctx)
		defer cancel()
		// Where it fails, it stays owed.
		_ = f.writer.do(ctx, &request{apply: func(*db.Conn) error { return nil }})
	}
}

// forget removes old bytes, by a request that does nothing else.
func (f *file) forget(ctx context.Context) error {
	return f.writer.do(ctx, &request{apply: func(*db.Conn) error { return nil }, scrub: true})
}
