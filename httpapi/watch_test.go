package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/guard"
	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/internal/servertest"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// watchRows are rows of requests that end: long polls, and refused streams.
var watchRows = []row{
	{"GET /api/watch", "reader", "/api/watch?wait=0", "", 200, ""},
	{"GET /api/watch", "admin", "/api/watch?wait=60", "", 200, ""},
	{"GET /api/watch", "reader", "/api/watch?project=newsbot&prefix=prod/&wait=1", "", 200, ""},
	{"GET /api/watch", "reader", "/api/watch?wait=61", "", 400, ""},
	{"GET /api/watch", "reader", "/api/watch?wait=1s", "", 400, ""},
	{"GET /api/watch", "reader", "/api/watch?prefix=prod", "", 400, ""},
	{"GET /api/watch", "reader", "/api/watch?cursor=!", "", 400, ""},
	{"GET /api/watch", "reader", "/api/watch?limit=1", "", 400, ""},
	{"GET /api/watch", "reader", "/api/watch?wait=0", "{}", 400, ""},
	{"GET /api/watch", "reader", "/api/watch", "", 400, "Last-Event-ID: !"},
	{"GET /api/watch", "reader", "/api/watch?cursor=AAAA", "", 410, ""},
	{"GET /api/watch", "reader", "/api/watch?project=other", "", 403, ""},
	{"GET /api/watch", "writer", "/api/watch", "", 403, ""},
	{"GET /api/watch", "", "/api/watch", "", 401, ""},
}

// onStores runs a test on each provider that reports each commit.
func onStores(t *testing.T, config httpapi.Config, test func(t *testing.T, f *fixture)) {
	t.Helper()
	for name, open := range map[string]func(t *testing.T) (myvault.Provider, error){
		"memory": func(*testing.T) (myvault.Provider, error) { return memory.New(memory.Config{MaxEntries: 50}), nil },
		"sqlite": func(t *testing.T) (myvault.Provider, error) {
			return sqlite.Open(t.Context(), t.TempDir(), sqlite.StaticKey(crypto.NewKey()), sqlite.Config{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			provider, err := open(t)
			if err != nil {
				t.Fatal(err)
			}
			config.Guard = newGuard(t, guard.Config{})
			test(t, serveOn(t, store{Provider: provider}, config))
		})
	}
}

// sent is a server-sent event.
type sent struct {
	id, kind, data string
}

// stream is the stream of a watch.
type stream struct {
	t       *testing.T
	status  int
	header  http.Header
	body    *bufio.Reader
	problem string // of a status other than 200
	close   func()
}

// stream opens a stream as a service, until the end of the test.
func (f *fixture) stream(service, target string, headers ...string) *stream {
	f.t.Helper()
	ctx, cancel := context.WithCancel(f.t.Context())
	r, err := http.NewRequestWithContext(ctx, "GET", f.url+target, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	if service != "" {
		r.Header.Set("X-Service", service)
		r.Header.Set("X-Token", map[string]string{"admin": adminToken, "reader": readerToken}[service])
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	response, err := f.client.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	s := &stream{t: f.t, status: response.StatusCode, header: response.Header, body: bufio.NewReader(response.Body)}
	s.close = func() {
		cancel()
		_ = response.Body.Close()
	}
	f.t.Cleanup(s.close)
	if s.status != http.StatusOK {
		text, _ := io.ReadAll(s.body)
		s.problem = string(text)
	}
	return s
}

// next reads an event; false is the end of the stream.
func (s *stream) next() (e sent, ok bool) {
	s.t.Helper()
	for {
		line, err := s.body.ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" {
			return e, false
		}
		if err != nil {
			s.t.Fatal(err)
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			e.id = value
		case "event":
			e.kind = value
		case "data":
			e.data = value
		case "":
			return e, true
		default:
			s.t.Fatalf("unexpected line %q", line)
		}
	}
}

// want reads an event of that kind.
func (s *stream) want(kind string) sent {
	s.t.Helper()
	e, ok := s.next()
	if !ok || e.kind != kind {
		s.t.Fatalf("got %+v, want a %s", e, kind)
	}
	return e
}

// changes returns the changes in data as text.
func (e sent) changes(t *testing.T) string {
	t.Helper()
	var all struct {
		At, By  string
		Changes []struct {
			Project, Path, State string
			Version              uint64
		}
	}
	if err := json.Unmarshal([]byte(e.data), &all); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range all.Changes {
		lines = append(lines, fmt.Sprintf("%s/%s %d %s", c.Project, c.Path, c.Version, c.State))
	}
	return strings.Join(lines, ", ") + " by " + all.By
}

func TestStream(t *testing.T) {
	onStores(t, httpapi.Config{}, func(t *testing.T, f *fixture) {
		is := is.New(t)
		f.put(map[string]string{"newsbot/prod/old": "v"})
		s := f.stream("reader", "/api/watch?project=newsbot&prefix=prod/")
		is.Equal(s.header.Get("Content-Type"), "text/event-stream")
		is.Equal(s.header.Get("Cache-Control"), "no-store")
		is.True(s.header.Get("X-Request-Id") != "")
		first := s.want("bookmark")
		is.Equal(first.data, "{}")
		f.put(map[string]string{"newsbot/dev/hidden": "secret value"})
		f.put(map[string]string{"newsbot/prod/db": "secret value"})
		e := s.want("change")
		is.Equal(e.changes(t), "newsbot/prod/db 1 live by admin")
		is.True(!strings.Contains(e.data, "secret value"))
		is.Equal(f.as("admin", "POST", "/api/changes",
			`{"changes":[{"op":"put","project":"newsbot","path":"prod/a","value":"v"},{"op":"delete","project":"newsbot","path":"prod/db"}]}`).status, 200)
		is.Equal(s.want("change").changes(t), "newsbot/prod/a 1 live, newsbot/prod/db 1 deleted by admin")

		for _, resumed := range []*stream{
			f.stream("reader", "/api/watch?cursor="+e.id), f.stream("reader", "/api/watch", "Last-Event-ID: "+e.id),
			f.stream("reader", "/api/watch?cursor="+first.id, "Last-Event-ID: "+e.id), // a browser that connects again
		} {
			is.Equal(resumed.want("change").changes(t), "newsbot/prod/a 1 live, newsbot/prod/db 1 deleted by admin")
			is.True(resumed.want("bookmark").id != first.id)
		}
	})
}

func TestStreamEndsWithTheSession(t *testing.T) {
	onStores(t, httpapi.Config{}, func(t *testing.T, f *fixture) {
		is := is.New(t)
		token := f.as("reader", "POST", "/api/tokens", `{"rules":["newsbot/prod/@list"]}`).object(t)
		bearer := f.stream("", "/api/watch", "Authorization: Bearer "+token["token"].(string))
		bearer.want("bookmark")
		reader := f.stream("reader", "/api/watch")
		reader.want("bookmark")
		is.Equal(f.as("reader", "DELETE", "/api/tokens/"+token["id"].(string), "").status, 204)
		e := bearer.want("problem")
		is.True(strings.Contains(e.data, `"status":401`))
		is.Equal(e.id, "")
		_, more := bearer.next()
		is.True(!more)

		f.put(map[string]string{"newsbot/prod/db": "v"})
		is.Equal(reader.want("change").changes(t), "newsbot/prod/db 1 live by admin") // goes on
		policy, err := myvault.ParsePolicy(with(map[string]string{"ALLOW_reader": "newsbot/prod/@read"}))
		is.NoErr(err)
		is.NoErr(f.vault.SetPolicy(policy))
		is.True(strings.Contains(reader.want("problem").data, `"status":403`))
	})
}

func TestStaleCursors(t *testing.T) {
	onStores(t, httpapi.Config{}, func(t *testing.T, f *fixture) {
		is := is.New(t)
		other := newFixture(t).stream("admin", "/api/watch").want("bookmark").id
		s := f.stream("admin", "/api/watch", "Last-Event-ID: "+other)
		is.Equal(s.status, 410)
		is.True(strings.Contains(s.problem, `"code":"stale_position"`))
		is.Equal(f.as("admin", "GET", "/api/watch?wait=0&cursor="+other, "").status, 410)
	})
}

func TestLongPoll(t *testing.T) {
	onStores(t, httpapi.Config{}, func(t *testing.T, f *fixture) {
		is := is.New(t)
		poll := func(query string) (cursor string, events []any) {
			t.Helper()
			r := f.as("reader", "GET", "/api/watch?"+query, "")
			is.Equal(r.status, 200)
			o := r.object(t)
			return o["cursor"].(string), o["events"].([]any)
		}
		start, events := poll("wait=60") // at once: there is no cursor
		is.Equal(len(events), 0)
		_, events = poll("wait=0&cursor=" + start)
		is.Equal(len(events), 0)
		later, events := poll("wait=1&cursor=" + start)
		is.Equal(len(events), 0)
		is.True(later != start) // sealed anew
		f.put(map[string]string{"newsbot/prod/a": "v"})
		f.put(map[string]string{"newsbot/prod/b": "v"})
		next, events := poll("wait=60&cursor=" + later)
		is.Equal(len(events), 2) // at once: they were missed
		waiting := make(chan struct{})
		go func() {
			defer close(waiting)
			if _, err := f.vault.As("admin").Put(f.t.Context(), myvault.Address{Project: "newsbot", Path: "prod/c"}, myvault.Text("v")); err != nil {
				t.Error(err)
			}
		}()
		_, events = poll("wait=60&cursor=" + next)
		is.Equal(len(events), 1)
		<-waiting
	})
}

// TestLongPollIsBounded checks that an answer ends after 1,000 changes, however many one event has.
func TestLongPollIsBounded(t *testing.T) {
	is := is.New(t)
	f := serveOn(t, store{Provider: memory.New(memory.Config{})}, httpapi.Config{Guard: newGuard(t, guard.Config{})})
	start := f.as("admin", "GET", "/api/watch?wait=0", "").object(t)["cursor"].(string)
	changes := make([]myvault.Change, 600)
	for i := range changes {
		changes[i] = myvault.Change{Op: myvault.OpPut, Address: myvault.Address{Project: "newsbot", Path: fmt.Sprintf("many/%d", i)}, Value: myvault.Text("v")}
	}
	for range 3 {
		_, err := f.vault.As("admin").Apply(t.Context(), changes...)
		is.NoErr(err)
	}
	answer := f.as("admin", "GET", "/api/watch?wait=0&cursor="+start, "").object(t)
	is.Equal(len(answer["events"].([]any)), 2)
	answer = f.as("admin", "GET", "/api/watch?wait=0&cursor="+answer["cursor"].(string), "").object(t)
	is.Equal(len(answer["events"].([]any)), 1)
}

// At most four requests watch at once here, and at most two of one service.
func TestWatchesHaveALimit(t *testing.T) {
	onStores(t, httpapi.Config{MaxWatches: 4}, func(t *testing.T, f *fixture) {
		is := is.New(t)
		var open []*stream
		for _, service := range []string{"admin", "admin", "reader", "reader"} {
			s := f.stream(service, "/api/watch")
			s.want("bookmark")
			open = append(open, s)
			if len(open) == 2 {
				is.Equal(f.stream("admin", "/api/watch").status, 503)
			}
		}
		full := f.stream("reader", "/api/watch")
		is.Equal(full.status, 503)
		is.Equal(full.header.Get("Retry-After"), "5")
		is.True(strings.Contains(full.problem, `"code":"too_many_watches"`))
		f.put(map[string]string{"newsbot/prod/db": "v"})
		is.Equal(f.as("reader", "GET", db, "").status, 200) // others are served
		open[0].close()
		for f.stream("admin", "/api/watch").status != 200 { // the server notices that the client has left
			time.Sleep(time.Millisecond)
		}
	})
}

// A stream sends bookmarks while nothing changes, and outlives the timeouts of the server.
func TestStreamOutlivesTimeouts(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	httpapi.SetHeartbeat(f.handler, 50*time.Millisecond)
	server := &http.Server{Handler: f.handler, ReadTimeout: 100 * time.Millisecond, WriteTimeout: 100 * time.Millisecond}
	listener := servertest.Listen(t, "tcp", "127.0.0.1:0")
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	f.url = "http://" + listener.Addr().String()
	s := f.stream("admin", "/api/watch")
	seen := map[string]bool{}
	for range 10 {
		e := s.want("bookmark")
		is.True(e.id != "" && !seen[e.id])
		seen[e.id] = true
	}
	r := f.as("admin", "GET", "/api/watch?wait=1&cursor="+s.want("bookmark").id, "")
	is.Equal(r.status, 200)
}

// A server that ends ends its streams, and has not to wait for them.
func TestServeEndsStreams(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	listener := servertest.Listen(t, "tcp", "127.0.0.1:0")
	f.url = "http://" + listener.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- httpapi.Serve(ctx, listener, f.handler, serve.Config{}) }()
	open := f.stream("admin", "/api/watch")
	cursor := open.want("bookmark").id
	polled := make(chan reply, 1)
	go func() { polled <- f.as("admin", "GET", "/api/watch?wait=60&cursor="+cursor, "") }()
	for httpapi.OpenWatches(f.handler) < 2 {
		time.Sleep(time.Millisecond)
	}
	stop()
	_, more := open.next()
	is.True(!more) // no problem: the client connects again
	r := <-polled
	is.Equal(r.status, 200)
	is.Equal(r.object(t)["events"], []any{})
	is.NoErr(<-ended)
	is.Equal(record(f.handler, newRequest("GET", "/ready")).Code, 503)
}

func TestHeadOfWatch(t *testing.T) {
	is := is.New(t)
	r := newFixture(t).as("admin", "HEAD", "/api/watch", "")
	is.Equal(r.status, 200)
	is.Equal(r.header.Get("Content-Type"), "text/event-stream")
}

func TestWatchIsOneEntry(t *testing.T) {
	is := is.New(t)
	f := newFixture(t)
	s := f.stream("reader", "/api/watch?project=newsbot")
	s.want("bookmark")
	for n := range 3 {
		f.put(map[string]string{fmt.Sprint("newsbot/prod/", n): "v"})
		s.want("change")
	}
	var entries []string
	for e, err := range f.vault.As("admin").Trail(t.Context(), myvault.TrailFilter{Service: "reader"}) {
		is.NoErr(err)
		entries = append(entries, e.Action+" "+e.Address.String()+" "+e.Via)
	}
	is.Equal(entries, []string{"watch newsbot header"})
}
