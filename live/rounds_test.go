package live_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/live"
	"github.com/myswiftagent/myvault/vaulttest"
)

// gate is a source that calls before ahead of each Get.
type gate struct {
	unsupported
	before func() error
}

func (g *gate) Get(ctx context.Context, addr myvault.Address) (myvault.Secret, error) {
	if err := g.before(); err != nil {
		return myvault.Secret{}, err
	}
	return g.Session.Get(ctx, addr)
}

func newGate(t *testing.T) *gate {
	session := vaulttest.New(t, map[string]string{"newsbot/prod/left": "1", "newsbot/prod/right": "-1"}).As(vaulttest.DefaultService)
	return &gate{unsupported{session}, func() error { return nil }}
}

// TestRefreshEndsWithItsContext, also while another read takes long.
func TestRefreshEndsWithItsContext(t *testing.T) {
	is := is.New(t)
	g := newGate(t)
	l := bind[pair](t, g, live.Config{Interval: time.Hour})
	reading, release := make(chan struct{}), make(chan struct{})
	g.before = func() error {
		g.before = func() error { return nil }
		close(reading)
		<-release
		return nil
	}
	first := make(chan error, 1)
	go func() { first <- l.Refresh(t.Context()) }()
	<-reading
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	is.True(errors.Is(l.Refresh(ctx), context.Canceled))
	close(release)
	is.NoErr(<-first)
}

// TestFailedReadIsRepeated: if the hourly read of everything fails, the next interval repeats it.
func TestFailedReadIsRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		g := newGate(t)
		var reads atomic.Int64
		var fails atomic.Bool
		g.before = func() error {
			if reads.Add(1); fails.Load() {
				return myvault.ErrUnavailable
			}
			return nil
		}
		l := bind[pair](t, g, live.Config{Interval: time.Minute})
		is.Equal(reads.Load(), int64(2))
		time.Sleep(59*time.Minute + time.Second)
		synctest.Wait()
		is.Equal(reads.Load(), int64(2)) // only listings
		fails.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		is.Equal(reads.Load(), int64(3))
		is.True(errors.Is(l.Err(), myvault.ErrUnavailable))
		fails.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		is.Equal(reads.Load(), int64(5))
		is.NoErr(l.Err())
	})
}
