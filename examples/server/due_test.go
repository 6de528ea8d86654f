package main_test

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/matryer/is"
)

// TestTheServerTellsWhatIsDue, once, also over a restart; the generated settings have it so.
func TestTheServerTellsWhatIsDue(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	p := start(t, dir, "LOG_FORMAT=json")
	c := p.headers(t)
	a := p.must(t, c, "POST", "/api/secrets", `{"project":"newsbot","path":"prod/db","generate":{},"rotate_after":"2026-01-31T12:00:00Z"}`)
	is.Equal(a.status, 201)
	is.NoErr(p.stop(t, syscall.SIGTERM))
	first := p // it looks at its start, and may have seen the secret already
	p = start(t, dir, "LOG_FORMAT=json")
	said := func() string { return first.stderr.String() + p.stderr.String() }
	await(t, "the notice", func() bool { return strings.Contains(said(), "a secret is due") })
	var line map[string]any
	for text := range strings.Lines(said()) {
		if strings.Contains(text, "a secret is due") {
			is.NoErr(json.Unmarshal([]byte(text), &line))
		}
	}
	is.Equal(line["kind"], "rotation-due")
	is.Equal(line["path"], "prod/db")
	is.Equal(line["version"], 1.0)
	is.Equal(line["since"], "2026-01-31T12:00:00Z")
	is.NoErr(p.stop(t, syscall.SIGTERM))
	p = start(t, dir, "LOG_FORMAT=json")
	time.Sleep(500 * time.Millisecond)
	is.True(!strings.Contains(p.stderr.String(), "a secret is due"))
	entries := p.must(t, p.headers(t), "GET", "/api/audit?action=rotation-due&outcome=ok", "") // a try that its end cut off has an entry too
	is.Equal(strings.Count(entries.body, `"rotation-due"`), 1)
	is.True(strings.Contains(entries.body, "rotation-due-1/newsbot/prod/db"))
}
