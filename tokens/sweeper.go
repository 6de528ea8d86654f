package tokens

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
)

// Sweeper periodically destroys the records of expired tokens. [Issuer.SweepEvery] returns one.
type Sweeper struct {
	stop  context.CancelFunc
	ended sync.WaitGroup
}

// SweepEvery starts a goroutine that destroys the records of expired tokens: after interval,
// and then one interval after each sweep has ended. It destroys no other records, so every
// process that uses the store may run one, even with different policies. Tokens that this
// process's policy does not accept remain until they expire or Mint needs their slot, or until
// [Issuer.Sweep].
//
// Expiry depends on the system clock. If it has advanced by over five minutes more than the
// monotonic clock since the previous sweep, the sweep is skipped: a wrong clock must not
// destroy the records of live tokens.
//
// A sweep is canceled after one interval, and the next one continues from there. The sweeper
// calls onError, which may be nil, with the errors that Sweep would return, and tries again
// later. Close waits for onError, so onError must not call Close. SweepEvery returns ErrInvalid
// for an interval under a second.
func (i *Issuer) SweepEvery(interval time.Duration, onError func(error)) (*Sweeper, error) {
	if interval < time.Second {
		return nil, fmt.Errorf("tokens: %w interval: use at least a second", myvault.ErrInvalid)
	}
	if onError == nil {
		onError = func(error) {}
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Sweeper{stop: stop}
	s.ended.Go(func() {
		timer := time.NewTimer(interval)
		defer timer.Stop()
		after := "" // the path at which the previous sweep was canceled
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
			if clockJumped(wall, elapsed) {
				timer.Reset(interval)
				continue
			}
			var err error
			if after, err = i.sweepFor(ctx, interval, after); err != nil && ctx.Err() == nil {
				onError(err)
			}
			timer.Reset(interval)
		}
	})
	return s, nil
}

// clockSlack is how far the clock may jump ahead between two sweeps, for small corrections.
const clockSlack = 5 * time.Minute

// clockJumped reports whether the wall clock advanced too far beyond the elapsed time.
func clockJumped(wall, elapsed time.Duration) bool { return wall-elapsed > clockSlack }

// sweepFor destroys expired records after the path after, within limit. It returns the path to
// continue from.
func (i *Issuer) sweepFor(ctx context.Context, limit time.Duration, after string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_, at, err := i.sweep(ctx, after, hasExpired)
	return at, err
}

// Close cancels a running sweep and waits for it. Close the sweeper before the vault. Later
// calls return nil.
func (s *Sweeper) Close() error {
	s.stop()
	s.ended.Wait()
	return nil
}
