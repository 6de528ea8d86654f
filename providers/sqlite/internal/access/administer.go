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

// ViaOperator is the Via of entries for operations on the store as a whole, without a session.
const ViaOperator = "operator"

// RecordOutcome records that action, an operation on the store as a whole, ended with result.
func (t *Trail) RecordOutcome(ctx context.Context, action string, result error) error {
	// The action is done: record it even if ctx has ended.
	ctx, cancel := wal.ContextForCleanup(ctx)
	defer cancel()
	return t.Record(ctx, myvault.Entry{Via: ViaOperator, Action: action, Outcome: outcomeOf(result)})
}

// begunEntry returns the entry to record before an operation on the store as a whole.
func begunEntry(action string) myvault.Entry {
	return myvault.Entry{Via: ViaOperator, Action: action, Outcome: myvault.OutcomeBegun}
}

// Administer calls do, an operation on the store as a whole, and records its begin and its outcome.
// If the begin cannot be recorded, it does not call do.
func (t *Trail) Administer(ctx context.Context, action string, do func() error) error {
	if err := t.Record(ctx, begunEntry(action)); err != nil {
		return err
	}
	err := do()
	return errors.Join(err, t.RecordOutcome(ctx, action, err))
}

// outcomeOf returns the outcome to record for err.
func outcomeOf(err error) myvault.Outcome {
	switch {
	case err == nil:
		return myvault.OutcomeOK
	case errors.Is(err, myvault.ErrUnknownOutcome):
		return myvault.OutcomeUnknown
	}
	return myvault.OutcomeError
}

// Newest returns the sequence of the newest entry.
func (t *Trail) Newest(ctx context.Context) (uint64, error) {
	head, err := ledger.ReadChainHead(ctx, t.File.Readers.Snapshot, ReadHead)
	return head.Seq, err
}

// Rekey wraps the keys of the file with a new master key, and overwrites the old wrapping.
func (t *Trail) Rekey(ctx context.Context, to *crypto.Master) error {
	c, err := t.File.OpenDurable(ctx)
	if err != nil {
		return fault.FromEngine(ctx, err)
	}
	err = fault.Guard(func() error {
		err := t.File.CommitDurably(ctx, c, func() error {
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

// Ping reports whether the file can be read and written.
func (t *Trail) Ping(ctx context.Context) error {
	if err := t.File.CheckReadable(ctx); err != nil {
		return err
	}
	return t.File.CheckWritable(ctx)
}
