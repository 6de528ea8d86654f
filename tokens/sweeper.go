package tokens

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
)

// Sweeper destroys the records of tokens that have expired, from time to time. Make it with [Issuer.SweepEvery].
type Sweeper struct {
	stop  context.CancelFunc
	ended sync.WaitGroup
}

// SweepEvery begins to destroy the records of tokens that have expired, each interval after the sweep before has ended, and the first time one
// interval from now. It destroys no others, so each process of a store may sweep, whatever its policy: what merely rests on
// what this one does not take stays until it expires, its place is needed, or somebody calls [Issuer.Sweep].
//
// Expiry is judged by the machine's clock. If the clock has advanced by over five minutes more than
// the time that has passed since the previous sweep, the sweep is skipped: a clock that is wrong
// for a while destroys no record of a live token.
//
// A sweep is cut off after another interval, and the next one begins where it was. failed, which may be nil, is told what went wrong, as
// Sweep would give it; the next sweep tries again. The sweeper waits for failed, so failed must not Close it: that would
// wait for itself. ErrInvalid for an interval under a second.
func (i *Issuer) SweepEvery(interval time.Duration, failed func(error)) (*Sweeper, error) {
	if interval < time.Second {
		return nil, fmt.Errorf("tokens: %w interval: a sweep has at least a second", myvault.ErrInvalid)
	}
	if failed == nil {
		failed = func(error) {}
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Sweeper{stop: stop}
	s.ended.Go(func() {
		timer := time.NewTimer(interval)
		defer timer.Stop()
		after := "" // where the sweep before was cut off
		last := time.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
			now := time.Now()
			wall, elapsed := now.Round(0).Sub(last.Round(0)), now.Sub(last)
			last = now
			if wentAhead(wall, elapsed) {
				timer.Reset(interval)
				continue
			}
			var err error
			if after, err = i.sweepFor(ctx, interval, after); err != nil && ctx.Err() == nil {
				failed(err)
			}
			timer.Reset(interval)
		}
	})
	return s, nil
}

// clockSlack is how far the clock may jump ahead between two sweeps, as a correction may do.
const clockSlack = 5 * time.Minute

// wentAhead reports whether the clock has gone on by more than the time that has passed.
func wentAhead(wall, elapsed time.Duration) bool { return wall-elapsed > clockSlack }

// sweepFor destroys what has expired for as long as that, from behind after on. It gives where it was cut off.
func (i *Issuer) sweepFor(ctx context.Context, most time.Duration, after string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	_, at, err := i.sweep(ctx, after, expired)
	return at, err
}

// Close ends the sweep that is under way, and waits for that and for failed. A second Close gives nil. Close it before the vault.
func (s *Sweeper) Close() error {
	s.stop()
	s.ended.Wait()
	return nil
}
