package sqlite

import (
	"context"

	"github.com/myswiftagent/myvault"
)

// WithVerifyProgress returns a context with which [Store.Verify], [Trail.Verify], [VerifyBackup]
// and [Restore] call progress after each step of a verification. The numbers are a measure of work.
// Once done is total, the engine checks the files, which has no progress.
func WithVerifyProgress(ctx context.Context, progress func(done, total uint64)) context.Context {
	return context.WithValue(ctx, verifyProgressKey{}, progress)
}

type verifyProgressKey struct{}

// verifyProgress reports how far a verification is. Every change is read twice: in the log, and in
// the history of its address.
type verifyProgress struct {
	call             func(done, total uint64) // nil: no one asks
	changes, total   uint64
	histories, shown uint64
}

// newVerifyProgress returns the progress that ctx asks for. The heads are those of the chains. If
// they cannot be read, there is no progress: the verification finds out why.
func newVerifyProgress(ctx context.Context, heads func(context.Context) ([]myvault.Head, error)) (p verifyProgress) {
	call, ok := ctx.Value(verifyProgressKey{}).(func(done, total uint64))
	if !ok {
		return p
	}
	all, err := heads(ctx)
	if err != nil {
		return p
	}
	for _, h := range all {
		if h.Chain == myvault.ChainChanges {
			p.changes = h.Seq
			p.total += h.Seq
		}
		p.total += h.Seq
	}
	p.call = call
	return p
}

// log reports that the log was read up to seq.
func (p *verifyProgress) log(seq uint64) { p.show(min(seq, p.changes)) }

// history reports the rows that were read in histories so far.
func (p *verifyProgress) history() { p.show(p.changes + min(p.histories, p.changes)) }

// accesses reports that the accesses were read up to seq.
func (p *verifyProgress) accesses(seq uint64) { p.show(2*p.changes + seq) }

// show calls the function. The chains may have become longer since the total was read.
func (p *verifyProgress) show(done uint64) {
	if p.call == nil {
		return
	}
	p.shown = max(p.shown, min(done, p.total))
	p.call(p.shown, p.total)
}
