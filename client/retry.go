package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/myswiftagent/myvault"
)

// attemptError is the failure of one attempt.
type attemptError struct {
	err     error
	unknown bool          // the server may have received the request, and did not answer
	retry   bool          // a repetition makes sense
	after   time.Duration // that the server asks to wait
}

// do sends r, again if that is safe. It decodes the answer into the value that into points to,
// unless it is nil, and returns the header of the answer.
func (c *Client) do(ctx context.Context, r request, into any) (http.Header, error) {
	return c.doTimes(ctx, r, into, c.attempts)
}

func (c *Client) doTimes(ctx context.Context, r request, into any, attempts int) (http.Header, error) {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return nil, fmt.Errorf("%w: a name or value is not UTF-8", myvault.ErrInvalid)
		}
		defer clear(body)
	}
	unknown := false
	for attempt := 1; ; attempt++ {
		header, failed := c.attempt(ctx, r, body, into)
		if failed == nil {
			c.cache.answered()
			return header, nil
		}
		c.cache.heard(failed.err)
		unknown = unknown || failed.unknown && !r.repeatable
		again := failed.retry && (!unknown || r.conditional) && attempt < attempts && ctx.Err() == nil
		if again && pause(ctx, attempt, failed.after) {
			continue
		}
		if again && ctx.Err() != nil { // while it paused
			failed.err = ctx.Err()
		}
		return nil, outcome(failed.err, unknown)
	}
}

// outcome returns the error of a request whose last attempt failed with err.
func outcome(err error, unknown bool) error {
	if !unknown || errors.Is(err, myvault.ErrUnknownOutcome) {
		return err
	}
	if ended := contextError(err); ended != nil {
		return fmt.Errorf("%w: %w", myvault.ErrUnknownOutcome, ended)
	}
	// Only the text of the cause: the error must not match a refusal as well.
	return fmt.Errorf("%w: %v", myvault.ErrUnknownOutcome, err)
}

// The waits between attempts.
const (
	firstWait   = 100 * time.Millisecond
	longestWait = 5 * time.Second
)

// pause waits before the next attempt: as long as the server asks, else twice as long each time.
// It reports false if ctx ends first or the server asks for too much.
func pause(ctx context.Context, attempt int, after time.Duration) bool {
	wait := firstWait << min(attempt-1, 5)
	wait = wait/2 + rand.N(wait)
	if wait = max(wait, after); after > longestWait {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// retryAfter returns the wait of a Retry-After header in seconds, 0 for none.
func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.ParseUint(header.Get("Retry-After"), 10, 16)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
