package httpapi

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi/internal/problem"
)

const (
	defaultWatches = 256
	heartbeat      = 15 * time.Second // between bookmarks of a stream, so that proxies keep it open
	maxWait        = 60               // seconds of a long poll
)

// watches limits how many requests watch at once. One service may have half of the places.
type watches struct {
	limit int

	mu       sync.Mutex
	open     int
	services map[string]int
}

// enter reports whether there is room for a watch of service, which must then call leave.
func (w *watches) enter(service string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open >= w.limit || w.services[service] >= (w.limit+1)/2 {
		return false
	}
	if w.services == nil {
		w.services = make(map[string]int)
	}
	w.open++
	w.services[service]++
	return true
}

func (w *watches) leave(service string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open--
	if w.services[service]--; w.services[service] == 0 {
		delete(w.services, service)
	}
}

// watch answers with a stream of events or, to a request with the parameter wait, with the events
// of a long poll.
func (c *call) watch() (response, error) {
	// The time to respond begins anew with each event.
	ctx, cancel := context.WithCancel(c.request.Context())
	defer cancel()
	defer context.AfterFunc(c.api.drained, cancel)()
	c.ctx = ctx
	r := myvault.WatchOptions{
		Prefix:           myvault.Prefix{Project: c.query.Get("project"), Path: c.query.Get("prefix")},
		BookmarkInterval: c.api.heartbeat,
	}
	wait, err := c.wait()
	if err != nil {
		return response{}, err
	}
	if r.After, err = c.resumePosition(); err != nil {
		return response{}, err
	}
	if c.request.ContentLength != 0 {
		return response{}, badRequest("this request has a body: send none") // an unread body would delay the answer
	}
	if c.api.draining.Load() {
		return response{}, myvault.ErrClosed
	}
	if err := c.enterWatch(); err != nil {
		return response{}, err
	}
	// Past the read timeout, the server would not notice that the client has left.
	_ = http.NewResponseController(c.writer).SetReadDeadline(time.Time{})
	c.conn.Wait()
	if wait < 0 {
		return c.stream(r)
	}
	return c.longPoll(r, wait)
}

// enterWatch refuses a watch beyond the limit. Otherwise c counts as a watch until leaveWatch.
func (c *call) enterWatch() error {
	if !c.api.watches.enter(c.service) {
		return &problem.Problem{
			Status: http.StatusServiceUnavailable, Code: "too_many_watches", Retry: "5",
			Detail: "too many requests watch already: close some, or retry later",
		}
	}
	c.watching = true
	return nil
}

// leaveWatch makes room for another watch.
func (c *call) leaveWatch() {
	if c.watching {
		c.watching = false
		c.api.watches.leave(c.service)
	}
}

// wait returns the parameter wait, or -1 if there is none.
func (c *call) wait() (time.Duration, error) {
	text := c.query.Get("wait")
	if text == "" {
		return -1, nil
	}
	seconds, err := strconv.ParseUint(text, 10, 16)
	if err != nil || seconds > maxWait {
		return 0, badRequest("invalid query parameter wait: use a number of seconds from 0 to " + strconv.Itoa(maxWait))
	}
	return time.Duration(seconds) * time.Second, nil
}

// resumePosition returns the position to resume after: that of Last-Event-ID, which a browser sends
// when it connects again, or of the parameter cursor.
func (c *call) resumePosition() (myvault.Position, error) {
	text := c.query.Get("cursor")
	switch ids := c.request.Header["Last-Event-Id"]; {
	case len(ids) > 1:
		return "", badRequest("duplicate Last-Event-ID: send it once")
	case len(ids) == 1 && ids[0] != "":
		text = ids[0]
	}
	if text == "" {
		return "", nil
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return "", badRequest("malformed Last-Event-ID or cursor: send one that an event had")
	}
	plain, err := c.api.cursors.open(c.ctx, sealed, []byte(c.endpoint.Pattern))
	if _, unknown := errors.AsType[*problem.Problem](err); unknown {
		return "", myvault.ErrStalePosition
	}
	return myvault.Position(strings.TrimRight(string(plain), "\x00")), err
}

// positionBlock is the unit of the size of a position in a cursor.
const positionBlock = 64

// cursorOf returns the cursor of a position, for the client. It is encrypted, because the number in
// it would show how many changes others have made.
func (c *call) cursorOf(p myvault.Position) string {
	plain := []byte(p)
	plain = append(plain, make([]byte, positionBlock-len(plain)%positionBlock)...)
	return base64.RawURLEncoding.EncodeToString(c.api.cursors.seal(c.ctx, plain, []byte(c.endpoint.Pattern)))
}

// event is an event without its position.
type event struct {
	At      string   `json:"at"`
	By      string   `json:"by"`
	Changes []change `json:"changes"`
}

type change struct {
	Project string `json:"project"`
	Path    string `json:"path"`
	Version uint64 `json:"version"`
	State   string `json:"state"`
}

func eventOf(e myvault.Event) event {
	all := event{At: timestamp(e.At), By: e.By, Changes: make([]change, len(e.Changes))}
	for i, c := range e.Changes {
		all.Changes[i] = change{c.Project, c.Path, uint64(c.Version), c.State.String()}
	}
	return all
}

// maxPolled is the number of changes after which a long poll answers. Its last event may exceed it.
const maxPolled = 1000

// longPoll answers with the events that the client missed or, if there are none, with the next one
// within the wait. Without a cursor it answers at once with that of the present.
func (c *call) longPoll(r myvault.WatchOptions, wait time.Duration) (response, error) {
	r.BookmarkInterval = max(wait, time.Millisecond)
	p := &polled{Events: []event{}, until: time.Now().Add(wait), last: r.After, atOnce: wait == 0 || r.After == ""}
	// The wait may be longer than the write timeout of the server.
	defer func() { _ = http.NewResponseController(c.writer).SetWriteDeadline(time.Now().Add(writeWait)) }()
	for e, err := range c.session.Watch(c.ctx, r) {
		switch {
		case err != nil && p.last != "" && c.ended(err):
		case err != nil:
			return response{}, err
		case p.add(e):
			continue
		}
		break
	}
	if p.changes > manyChanges {
		if err := c.enterLarge(); err != nil {
			return response{}, err
		}
	}
	if c.conn.Outdated(c.request) {
		return response{}, myvault.ErrUnauthenticated
	}
	p.Cursor = c.cursorOf(p.last)
	return response{body: p}, nil
}

// polled is the answer to a long poll.
type polled struct {
	Cursor string  `json:"cursor"`
	Events []event `json:"events"`

	until   time.Time
	last    myvault.Position
	atOnce  bool // it does not wait for an event
	current bool // all missed events are read
	changes int  // in the events
}

// add adds an event, and reports whether to wait for another.
func (p *polled) add(e myvault.Event) bool {
	p.last = e.Position
	if len(e.Changes) > 0 {
		p.Events = append(p.Events, eventOf(e))
		p.changes += len(e.Changes)
		return !p.current && p.changes < maxPolled
	}
	first := !p.current
	p.current = true
	if first {
		return len(p.Events) == 0 && !p.atOnce
	}
	return time.Now().Before(p.until)
}

// ended reports whether err only says that the server drains.
func (c *call) ended(err error) bool {
	return errors.Is(err, context.Canceled) && c.api.draining.Load()
}
