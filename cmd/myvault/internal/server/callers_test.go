package server_test

import (
	"strings"
	"syscall"
	"testing"

	"github.com/matryer/is"
)

// TestTheServerSweepsTokens checks that the server destroys records of expired tokens.
func TestTheServerSweepsTokens(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	p := start(t, t.TempDir(), "MYVAULT_SWEEP=1s")
	c := p.headers(t)
	is.Equal(p.must(t, c, "POST", "/api/tokens", `{"rules":["newsbot/"],"lifetime_seconds":1}`).status, 201)
	await(t, "the end of the record", func() bool {
		return strings.Contains(p.must(t, c, "GET", "/api/audit?service=tokens&action=destroy&outcome=ok", "").body, `"project":".tokens"`)
	})
	is.NoErr(p.stop(t, syscall.SIGTERM)) // the sweep ends with the server
}

// TestTheServerLimitsWatches checks that a further watch is refused, until the first ends.
func TestTheServerLimitsWatches(t *testing.T) {
	t.Parallel()
	is := is.New(t)
	p := start(t, t.TempDir(), "MYVAULT_MAX_WATCHES=1")
	c := p.headers(t)
	_, cursor, _ := strings.Cut(p.must(t, c, "GET", "/api/watch?wait=0", "").body, `"cursor":"`)
	cursor, _, _ = strings.Cut(cursor, `"`)
	ended := make(chan response, 1)
	go func() {
		answer, err := p.ask(c, "GET", "/api/watch?wait=60&cursor="+cursor, "")
		for err == nil && answer.status == 503 { // one of the polls below had the only place
			answer, err = p.ask(c, "GET", "/api/watch?wait=60&cursor="+cursor, "")
		}
		ended <- answer
	}()
	await(t, "the refusal of a second watch", func() bool {
		return strings.Contains(p.must(t, c, "GET", "/api/watch?wait=0", "").body, `"code":"too_many_watches"`)
	})
	is.NoErr(p.stop(t, syscall.SIGTERM))
	is.Equal((<-ended).status, 200)
}
