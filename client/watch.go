package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/myswiftagent/myvault"
)

// maxSilence is how long a stream may be silent before it counts as broken. The server sends a
// bookmark every 15 seconds.
const maxSilence = 45 * time.Second

// Watch yields the changes of secrets that r selects, as [myvault.Session.Watch] does. The server
// chooses how often it sends bookmarks. If the connection breaks, Watch connects again and resumes
// after the last event, without a loss or a repetition. ErrUnavailable once it has failed
// Config.Attempts times in a row. Positions of a server are not those of a session.
func (c *Client) Watch(ctx context.Context, r myvault.WatchOptions) iter.Seq2[myvault.Event, error] {
	return func(yield func(myvault.Event, error) bool) {
		var addr myvault.Address
		err := r.Prefix.Validate()
		if err == nil && r.BookmarkInterval < 0 {
			err = fmt.Errorf("%w interval of bookmarks: it is negative", myvault.ErrInvalid)
		}
		if err == nil {
			w := &watch{client: c, options: r, yield: yield}
			if err = w.run(ctx); w.left {
				return
			}
			if w.begun {
				addr = myvault.Address(r.Prefix)
			}
		}
		yield(myvault.Event{}, fail("watch", addr, err))
	}
}

// watch is a running [Client.Watch].
type watch struct {
	client   *Client
	options  myvault.WatchOptions
	yield    func(myvault.Event, error) bool
	begun    bool // there was an event
	left     bool // the loop body has ended the sequence
	failures int  // attempts since the last event
}

// run connects until the watch ends, and returns the reason.
func (w *watch) run(ctx context.Context) error {
	for {
		failed := w.connect(ctx)
		if w.left || ctx.Err() != nil {
			return ctx.Err()
		}
		w.failures++
		again := failed.retry && w.failures < w.client.attempts
		if !again || !pause(ctx, w.failures, failed.after) {
			return cmp.Or(ctx.Err(), failed.err)
		}
	}
}

// connect opens a stream and yields its events until it ends.
func (w *watch) connect(ctx context.Context) *attemptError {
	silent := fmt.Errorf("%w: no answer within %v", myvault.ErrUnavailable, w.client.timeout)
	connection, cancel := context.WithCancel(ctx)
	defer cancel()
	alarm := time.AfterFunc(w.client.timeout, cancel)
	defer alarm.Stop()
	response, failed := w.open(connection)
	if failed != nil {
		if ctx.Err() == nil && connection.Err() != nil {
			failed = &attemptError{err: silent, retry: true}
		}
		return failed
	}
	defer response.Body.Close()
	w.client.cache.answered()
	alarm.Reset(maxSilence)
	events := newEventReader(response.Body, func() { alarm.Reset(maxSilence) })
	for {
		e, err := events.next()
		if err != nil && ctx.Err() == nil && connection.Err() != nil {
			err := fmt.Errorf("%w: the stream was silent for %v", myvault.ErrUnavailable, maxSilence)
			return &attemptError{err: err, retry: true}
		}
		if err != nil {
			return w.broken(err)
		}
		alarm.Stop() // the loop body may take its time
		w.options.After, w.failures, w.begun = e.Position, 0, true
		if w.left = !w.yield(e, nil); w.left {
			return nil
		}
		alarm.Reset(maxSilence)
	}
}

// open sends the request of a stream.
func (w *watch) open(ctx context.Context) (*http.Response, *attemptError) {
	query := make(url.Values)
	set(query, "project", w.options.Prefix.Project)
	set(query, "prefix", w.options.Prefix.Path)
	set(query, "cursor", string(w.options.After))
	m, secrets, err := w.client.message(ctx, read("/api/watch", query), nil)
	if err != nil {
		return nil, &attemptError{err: err}
	}
	m.Header.Set("Accept", "text/event-stream")
	response, err := w.client.http.Do(m)
	if err != nil {
		return nil, w.client.unanswered(ctx, err, true)
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	defer response.Body.Close()
	content, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, w.client.unanswered(ctx, err, true)
	}
	return nil, refused(response, content, false, secrets)
}

// broken returns the failure of a stream that ended with err.
func (w *watch) broken(err error) *attemptError {
	if ended, ok := errors.AsType[*refusal](err); ok {
		return &attemptError{err: ended, retry: errors.Is(ended, myvault.ErrUnavailable) || errors.Is(ended, myvault.ErrTrail)}
	}
	if errors.Is(err, errMalformed) {
		return &attemptError{err: err}
	}
	return &attemptError{err: fmt.Errorf("%w: %s", myvault.ErrUnavailable, w.client.describe(err)), retry: true}
}
