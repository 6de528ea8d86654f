package linearizable

import (
	"errors"
	"fmt"
	"time"

	"github.com/anishathalye/porcupine"
)

// ErrNot: no order of the calls explains the answers.
var ErrNot = errors.New("not linearizable")

// ErrUndecided: the time was too short to find such an order, or that there is none.
var ErrUndecided = errors.New("undecided")

// Tally counts what was checked.
type Tally struct{ Histories, Calls, Unknown, Nothing, Undecided int }

// String gives one line for people.
func (t Tally) String() string {
	return fmt.Sprintf("%d histories, %d calls (%d of unknown outcome, %d left or refused), %d undecided",
		t.Histories, t.Calls, t.Unknown, t.Nothing, t.Undecided)
}

// Add adds another.
func (t *Tally) Add(o Tally) {
	t.Histories += o.Histories
	t.Calls += o.Calls
	t.Unknown += o.Unknown
	t.Nothing += o.Nothing
	t.Undecided += o.Undecided
}

// Check makes the history of a plan on the targets, and judges it within a time: ErrNot or
// ErrUndecided where it does not hold.
func Check(p Plan, within time.Duration, targets ...Target) (t Tally, err error) {
	history := p.Run(targets...)
	t.count(history)
	switch porcupine.CheckOperationsTimeout(Model, history, within) {
	case porcupine.Ok:
		return t, nil
	case porcupine.Illegal:
		return t, fmt.Errorf("%w: %d calls, seed %d", ErrNot, len(history), p.Seed)
	}
	t.Undecided++
	return t, fmt.Errorf("%w: %d calls, seed %d", ErrUndecided, len(history), p.Seed)
}

func (t *Tally) count(history []porcupine.Operation) {
	t.Histories++
	t.Calls += len(history)
	for _, o := range history {
		switch o.Output.(Answer).Err {
		case unknown:
			t.Unknown++
		case nothing:
			t.Nothing++
		}
	}
}
