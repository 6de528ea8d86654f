package logs_test

import (
	"bytes"
	"fmt"
	"log"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/internal/logs"
)

// 1,000 events a second cause few lines, and every event is counted.
func TestLinesPerSecondAreLimited(t *testing.T) {
	for name, c := range map[string]struct {
		event func(r *logs.Repeats, n int)
		most  int
	}{
		"equal records": {func(r *logs.Repeats, n int) {
			r.Log(t.Context(), logs.Record{Message: "request", Kind: []slog.Attr{slog.Int("status", 401)}, Rest: []slog.Attr{slog.Int("id", n)}})
		}, 2 * 11},
		"records of a thousand kinds": {func(r *logs.Repeats, n int) {
			r.Log(t.Context(), logs.Record{Message: "request", Kind: []slog.Attr{slog.Int("n", n)}})
		}, 2 * 33 * 11},
		"lines with changing details": {func(r *logs.Repeats, n int) {
			log.New(r.Lines("", true), "", 0).Printf("http: TLS handshake error from [fe80::%x]:%d: EOF", n, n)
		}, 2 * 11},
		"panics with stacks": {func(r *logs.Repeats, n int) {
			log.New(r.Lines("", true), "", 0).Printf("http: panic serving\n%d\n", n)
		}, 2 * 11},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				is := is.New(t)
				var out bytes.Buffer
				r := logs.NewRepeats(slog.New(slog.NewTextHandler(&out, nil)))
				for range 10 {
					for n := range 1000 {
						c.event(r, n)
					}
					time.Sleep(time.Second)
					synctest.Wait()
				}
				r.Flush()
				lines, events := 0, 0
				for line := range strings.Lines(out.String()) {
					lines++
					more := 1
					if _, after, found := strings.Cut(line, " more="); found {
						_, err := fmt.Sscan(after, &more)
						is.NoErr(err)
					}
					events += more
				}
				is.Equal(events, 10*1000)
				is.True(lines <= c.most)
			})
		})
	}
}

// Each group has a separate limit: callers cannot hide an error of the server.
func TestGroupsHaveSeparateLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		is := is.New(t)
		var out bytes.Buffer
		r := logs.NewRepeats(slog.New(slog.NewTextHandler(&out, nil)))
		for n := range 1000 {
			r.Log(t.Context(), logs.Record{Message: "request", Kind: []slog.Attr{slog.Int("n", n)}})
		}
		r.Log(t.Context(), logs.Record{Message: "request", Group: "errors", Kind: []slog.Attr{slog.String("cause", "disk full")}})
		is.True(strings.Contains(out.String(), `cause="disk full"`))
		r.Flush()
	})
}

// Lines logs details only if asked to: a library may quote a response that contains a secret.
func TestLinesOmitsDetails(t *testing.T) {
	is := is.New(t)
	var out bytes.Buffer
	r := logs.NewRepeats(slog.New(slog.NewTextHandler(&out, nil)))
	const text = `Unsolicited response received on idle HTTP channel starting with "HTTP/1.1 200 OK\r\n\r\ncanary"; err=<nil>`
	log.New(r.Lines("libraries", false), "", 0).Print(text)
	is.True(strings.Contains(out.String(), `msg="Unsolicited response received on idle HTTP channel starting with"`))
	is.True(!strings.Contains(out.String(), "canary"))
	log.New(r.Lines("net/http", true), "", 0).Print("http: TLS handshake error from 192.0.2.1:5: EOF" + strings.Repeat("x", 1000))
	is.True(strings.Contains(out.String(), `msg="http: TLS handshake error from" detail="192.0.2.1:5: EOFxxx`))
	is.True(out.Len() < 1000)
	r.Flush()
}
