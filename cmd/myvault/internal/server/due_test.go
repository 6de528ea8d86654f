package server_test

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/matryer/is"
)

// TestServerLogsDueSecrets checks that a secret is logged once, also after restarts, with the
// generated settings.
func TestServerLogsDueSecrets(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	p := start(t, dir, "LOG_FORMAT=json")
	c := p.headers(t)
	a := p.must(t, c, "POST", "/api/secrets", `{"project":"newsbot","path":"prod/db","generate":{},"rotate_after":"2026-01-31T12:00:00Z"}`)
	is.Equal(a.status, 201)
	is.NoErr(p.stop(t, syscall.SIGTERM))
	first := p // it may already have logged the secret
	p = start(t, dir, "LOG_FORMAT=json")
	output := func() string { return first.stderr.String() + p.stderr.String() }
	await(t, "the notice", func() bool { return strings.Contains(output(), "a secret is due") })
	var line map[string]any
	for text := range strings.Lines(output()) {
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
	entries := p.must(t, p.headers(t), "GET", "/api/audit?action=rotation-due&outcome=ok", "") // an interrupted attempt has an entry with another outcome
	is.Equal(strings.Count(entries.body, `"rotation-due"`), 1)
	is.True(strings.Contains(entries.body, "rotation-due-1/newsbot/prod/db"))
}
