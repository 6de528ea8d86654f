package logs_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/logs"
)

func note(dropped uint64) []byte { return fmt.Appendf(nil, "%d dropped\n", dropped) }

// gate is a writer that blocks until open is closed, and fails while err is set.
type gate struct {
	open chan struct{}
	err  error
	text strings.Builder
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	if g.err != nil {
		return 0, g.err
	}
	return g.text.Write(p)
}

func TestBlockedWriterDoesNotBlockCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		to := &gate{open: make(chan struct{})}
		q := logs.NewQueue(to, note)
		const lines = 5000
		written := 0
		for range lines {
			n, err := q.Write([]byte("line\n"))
			is.True(err == nil && n == 5 || errors.Is(err, logs.ErrDropped) && n == 0)
			if err == nil {
				written++
			}
		}
		is.True(written > 1000 && written < lines)
		is.Equal(q.Dropped(), uint64(lines-written))
		close(to.open)
		synctest.Wait()
		is.Equal(strings.Count(to.text.String(), "line\n"), written)
		is.True(strings.HasSuffix(to.text.String(), fmt.Sprintf("\n%d dropped\n", lines-written)))
		_, err := q.Write([]byte("line\n"))
		is.NoErr(err)
		q.Close(time.Minute)
		is.Equal(strings.Count(to.text.String(), "line\n"), written+1)
		is.Equal(strings.Count(to.text.String(), "dropped"), 1) // reported lines are not reported again
	})
}

func TestQueuedBytesAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		to := &gate{open: make(chan struct{})}
		q := logs.NewQueue(to, nil)
		line := make([]byte, 100<<10)
		for range 20 {
			_, _ = q.Write(line)
		}
		is.Equal(q.Dropped(), uint64(10)) // 1 MiB is queued
		close(to.open)
		q.Close(time.Minute)
		is.Equal(to.text.Len(), 10*len(line))
	})
}

func TestQueueContinuesAfterErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		to := &gate{open: make(chan struct{}), err: errors.New("broken pipe")}
		close(to.open)
		q := logs.NewQueue(to, note)
		for range 3 {
			_, err := q.Write([]byte("lost\n"))
			is.NoErr(err)
		}
		synctest.Wait()
		is.Equal(q.Dropped(), uint64(3))
		to.err = nil
		_, _ = q.Write([]byte("line\n"))
		synctest.Wait()
		is.Equal(to.text.String(), "line\n3 dropped\n")
		q.Close(time.Minute)
	})
}

func TestCloseTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		to := &gate{open: make(chan struct{})}
		q := logs.NewQueue(to, note)
		_, _ = q.Write([]byte("line\n"))
		began := time.Now()
		q.Close(time.Second)
		q.Close(time.Second)
		is.Equal(time.Since(began), 2*time.Second)
		_, err := q.Write([]byte("late\n"))
		is.True(errors.Is(err, logs.ErrDropped))
		close(to.open)
		synctest.Wait()
		is.Equal(to.text.String(), "line\n1 dropped\n")
	})
}
