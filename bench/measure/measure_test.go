package measure_test

import (
	"context"
	"errors"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/bench/measure"
)

func TestRoundsTakeTurns(t *testing.T) {
	is := is.New(t)
	order := ""
	candidate := func(name string, start float64) measure.Candidate {
		calls := -1.0
		return measure.Candidate{Name: name, Round: func() ([]float64, error) {
			order += name
			calls++
			return []float64{start + calls, 7}, nil
		}}
	}
	results, err := measure.Rounds(t.Context(), 3, []measure.Candidate{candidate("a", 0), candidate("b", 10), candidate("c", 20)})
	is.NoErr(err)
	is.Equal(order, "abc"+"bca"+"cab"+"abc") // the first is the warm-up
	is.Equal(results[1].Name, "b")
	is.Equal(results[1].Of(0), measure.Samples{11, 12, 13})
	is.Equal(results[2].Of(1), measure.Samples{7, 7, 7})
}

func TestRoundsStopAtAnError(t *testing.T) {
	is := is.New(t)
	broken := errors.New("broken")
	_, err := measure.Rounds(t.Context(), 1, []measure.Candidate{{Name: "it", Round: func() ([]float64, error) { return nil, broken }}})
	is.True(errors.Is(err, broken))
}

func TestRoundsStopWithTheContext(t *testing.T) {
	is := is.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	_, err := measure.Rounds(ctx, 9, []measure.Candidate{{Name: "it", Round: func() ([]float64, error) {
		calls++
		cancel()
		return []float64{1}, nil
	}}})
	is.True(errors.Is(err, context.Canceled))
	is.Equal(calls, 1)
}

func TestSamples(t *testing.T) {
	is := is.New(t)
	is.Equal(measure.Samples{9, 1, 5}.Median(), 5.0)
	is.Equal(measure.Samples{9, 1, 5, 7}.Median(), 6.0)
	is.True(math.IsNaN(measure.Samples{}.Median()))
	is.Equal(measure.Samples{2, 9}.Over(measure.Samples{4, 3}), measure.Samples{0.5, 3}) // within each round
}

func TestPerSecondCountsAllCallers(t *testing.T) {
	is := is.New(t)
	var calls [2]atomic.Int64
	perSecond, err := measure.PerSecond(time.Millisecond, 2, func(caller, n int) error {
		if int64(n) != calls[caller].Add(1)-1 {
			return errors.New("calls are not counted from 0")
		}
		return nil
	})
	is.NoErr(err)
	is.True(calls[0].Load() > 0 && calls[1].Load() > 0)
	is.True(perSecond > 0)
	broken := errors.New("broken")
	_, err = measure.PerSecond(time.Millisecond, 2, func(caller, _ int) error {
		if caller == 1 {
			return broken
		}
		return nil
	})
	is.True(errors.Is(err, broken))
}

func TestLatenciesAreOrdered(t *testing.T) {
	is := is.New(t)
	figures, err := measure.Latencies(2*time.Millisecond, func(_, n int) error {
		if n%4 == 0 {
			time.Sleep(100 * time.Microsecond)
		}
		return nil
	}, 0.5, 1)
	is.NoErr(err)
	is.True(figures[0] <= figures[1])
	is.True(figures[1] >= 100e-6) // the slowest call slept
}

var sink *int

func TestAllocations(t *testing.T) {
	is := is.New(t)
	perCall, err := measure.Allocations(1000, func(_, n int) error { sink = new(int); return nil })
	is.NoErr(err)
	is.True(perCall >= 1 && perCall < 1.1)
}
