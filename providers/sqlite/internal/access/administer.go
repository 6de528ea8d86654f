package access

import (
	"context"
	"errors"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/keyring"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/ledger"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/wal"
)

// ViaOperator is how entries name what was done with the files at hand, not by a session.
const ViaOperator = "operator"

// RecordDone records what was done to the store as a whole, or how that ended.
func (t *Trail) RecordDone(ctx context.Context, action string, ended error) error {
	// It was done, so the end of the context must not keep it off the record.
	ctx, cancel := wal.ContextForCleanup(ctx)
	defer cancel()
	return t.Record(ctx, myvault.Entry{Via: ViaOperator, Action: action, Outcome: outcomeOf(ended)})
}

// begunEntry is the entry of what is about to be done to the store as a whole.
func begunEntry(action string) myvault.Entry {
	return myvault.Entry{Via: ViaOperator, Action: action, Outcome: myvault.OutcomeBegun}
}

// Administer does what changes the store as a whole: nothing without an entry that says that
// it was begun, and once it was, one that says how it ended.
func (t *Trail) Administer(ctx context.Context, action string, do func() error) error {
	if err := t.Record(ctx, begunEntry(action)); err != nil {
		return err
	}
	err := do()
	return errors.Join(err, t.RecordDone(ctx, action, err))
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

// Newest gives the sequence of the newest entry.
func (t *Trail) Newest(ctx context.Context) (uint64, error) {
	head, err := ledger.ReadChainHead(ctx, t.File.Readers.Snapshot, ReadHead)
	return head.Seq, err
}

func (t *Trail) Rekey(ctx context.Context, to *crypto.Master) error {
	c, err := t.File.OpenDurable(ctx)
	if err != nil {
		return fault.FromEngine(ctx, err)
	}
	err = fault.Guard(func() error {
		err := c.Transaction(ctx, func() error {
			if err := t.File.BeforeWrite(); err != nil {
				return err
			}
			from, err := t.File.Keys.CurrentMaster(c)
			if err != nil {
				return err
			}
			return keyring.Rewrap(c, from, to)
		})
		if err != nil {
			return err
		}
		t.File.Keys.Master.Store(to)
		return t.File.Scrub(ctx, c, wal.ScrubTimeout)
	})
	return errors.Join(fault.FromEngine(ctx, err), c.Close())
}

// Ping reports whether the file answers, and whether it can be written, as Store.Ping of package sqlite does.
func (t *Trail) Ping(ctx context.Context) error {
	if err := t.File.CheckReadable(ctx); err != nil {
		return err
	}
	return errors.Join(t.File.CheckWritable(ctx), t.Syncer.Failure())
}
