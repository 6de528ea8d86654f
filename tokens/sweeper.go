package tokens

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
)

// Sweeper calls [Issuer.Sweep] from time to time. Make it with [Issuer.SweepEvery].
type Sweeper struct {
	stop  context.CancelFunc
	ended sync.WaitGroup
}

// SweepEvery begins to sweep, each interval after the one before has ended, and the first time one interval from now: what a policy that is
// mended soon would take again is still there. A sweep is cut off after another interval. failed, which may be nil, is told
// what went wrong; the next sweep tries again. ErrInvalid for an interval under a second.
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
		for {
			select {
			case <-ctx.Done():
				return
			case <-timer.C:
			}
			if err := i.sweepFor(ctx, interval); err != nil && ctx.Err() == nil {
				failed(err)
			}
			timer.Reset(interval)
		}
	})
	return s, nil
}

// sweepFor sweeps for as long as that.
func (i *Issuer) sweepFor(ctx context.Context, most time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	_, err := i.Sweep(ctx)
	return err
}

// Close ends the sweep that is under way, and waits for that. A second Close gives nil. Close it before the vault.
func (s *Sweeper) Close() error {
	s.stop()
	s.ended.Wait()
	return nil
}
