package linearizable

import (
	"errors"
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"
)

// ErrNotLinearizable reports that no order of the calls explains the answers.
var ErrNotLinearizable = errors.New("not linearizable")

// ErrUndecided reports that the check timed out.
var ErrUndecided = errors.New("undecided")

// Tally counts what was checked.
type Tally struct{ Histories, Calls, Unknown, NoEffect, Undecided int }

// String returns the counts in one line.
func (t Tally) String() string {
	return fmt.Sprintf("%d histories, %d calls (%d with unknown outcome, %d without effect), %d undecided",
		t.Histories, t.Calls, t.Unknown, t.NoEffect, t.Undecided)
}

// Add adds o to t.
func (t *Tally) Add(o Tally) {
	t.Histories += o.Histories
	t.Calls += o.Calls
	t.Unknown += o.Unknown
	t.NoEffect += o.NoEffect
	t.Undecided += o.Undecided
}

// Check runs the plan on the targets and checks the history. It returns ErrNotLinearizable, or
// ErrUndecided if the check takes longer than timeout.
func Check(p Plan, timeout time.Duration, targets ...Target) (t Tally, err error) {
	history := p.Run(targets...)
	t.count(history)
	switch porcupine.CheckOperationsTimeout(Model, history, timeout) {
	case porcupine.Ok:
		return t, nil
	case porcupine.Illegal:
		return t, fmt.Errorf("%w: %d calls, seed %d", ErrNotLinearizable, len(history), p.Seed)
	}
	t.Undecided++
	return t, fmt.Errorf("%w: %d calls, seed %d", ErrUndecided, len(history), p.Seed)
}

func (t *Tally) count(history []porcupine.Operation) {
	t.Histories++
	t.Calls += len(history)
	for _, o := range history {
		switch o.Output.(Answer).Err {
		case unknownOutcome:
			t.Unknown++
		case noEffect:
			t.NoEffect++
		}
	}
}
