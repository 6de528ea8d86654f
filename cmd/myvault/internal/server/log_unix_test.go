//go:build unix

package server_test

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault/internal/authority"
)

// startDetached starts a server whose output goes to the given files, and waits until it serves.
func startDetached(t *testing.T, stdout, stderr *os.File, settings ...string) *process {
	t.Helper()
	port := freePort(t)
	p := command(t, t.TempDir(), append(settings, "PORT="+port)...)
	p.cmd.Stdout, p.cmd.Stderr = stdout, stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.exited <- p.cmd.Wait(); close(p.exited) }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.exited })
	p.url = "http://127.0.0.1:" + port
	p.client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	await(t, "the server", func() bool {
		_, err := p.ask(caller{}, "GET", "/health", "")
		return err == nil
	})
	return p
}

// fullPipe returns the write end of a full pipe that is not read.
func fullPipe(t *testing.T) *os.File {
	t.Helper()
	var ends [2]int
	if err := syscall.Pipe(ends[:]); err != nil {
		t.Fatal(err)
	}
	if err := syscall.SetNonblock(ends[1], true); err != nil {
		t.Fatal(err)
	}
	for _, piece := range [][]byte{make([]byte, 4096), make([]byte, 1)} {
		for {
			if _, err := syscall.Write(ends[1], piece); err != nil {
				break
			}
		}
	}
	if err := syscall.SetNonblock(ends[1], false); err != nil {
		t.Fatal(err)
	}
	stuck := os.NewFile(uintptr(ends[1]), "stuck")
	t.Cleanup(func() { _ = stuck.Close(); _ = syscall.Close(ends[0]) })
	return stuck
}

// closedPipe returns the write end of a pipe whose read end is closed.
func closedPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// TestTheReaderOfTheLogStopsNothing checks that the server handles requests and SIGTERM while the
// reader of its log is blocked or has exited.
func TestTheReaderOfTheLogStopsNothing(t *testing.T) {
	t.Parallel()
	for name, pipe := range map[string]func(*testing.T) *os.File{"blocked": fullPipe, "closed": closedPipe} {
		for _, format := range []string{"text", "json"} {
			t.Run(name+" "+format, func(t *testing.T) {
				t.Parallel()
				is := is.New(t)
				out := pipe(t)
				port := freePort(t)
				p := startDetached(t, out, out, "LOG_FORMAT="+format, "LOG_LEVEL=DEBUG", "MYVAULT_METRICS_ADDR=127.0.0.1:"+port)
				c := p.headers(t)
				is.Equal(p.must(t, c, "POST", "/api/secrets", `{"project":"p","path":"x","value":"v"}`).status, 201)
				answered := 0
				for n := range 3000 { // more lines than the queue holds
					path := []string{"/api/secrets/p/x", "/health", "/api/whoami"}[n%3]
					if p.must(t, c, "GET", path, "").status == 200 {
						answered++
					}
				}
				is.Equal(answered, 3000)
				metrics, err := http.Get("http://127.0.0.1:" + port + "/metrics")
				is.NoErr(err)
				text, err := io.ReadAll(metrics.Body)
				is.NoErr(err)
				is.NoErr(metrics.Body.Close())
				is.True(regexp.MustCompile(`(?m)^myvault_log_dropped_total [1-9]`).Match(text))
				is.NoErr(p.stop(t, syscall.SIGTERM))
			})
		}
	}
}

// TestEveryRecordIsJSON checks all lines on stderr, and that stdout is empty.
func TestEveryRecordIsJSON(t *testing.T) {
	is := is.New(t)
	p := start(t, t.TempDir(), "LOG_FORMAT=json", "MYVAULT_METRICS_ADDR=127.0.0.1:0")
	is.Equal(p.must(t, caller{"local", "wrong"}, "GET", "/api/whoami", "").status, 401)
	is.Equal(p.must(t, p.headers(t), "GET", "/api/whoami", "").status, 200)
	is.Equal(p.must(t, caller{}, "GET", "/health", "").status, 200)
	is.NoErr(p.stop(t, syscall.SIGTERM))
	is.Equal(p.stdout.String(), "")
	messages := map[string]int{}
	for line := range strings.Lines(p.stderr.String()) {
		var record struct {
			Msg        string
			Route      string
			Remote     *string
			DurationMS *float64 `json:"duration_ms"`
		}
		is.NoErr(json.Unmarshal([]byte(line), &record))
		messages[record.Msg]++
		if record.Msg == "request" {
			is.True(record.Remote != nil && *record.Remote == "127.0.0.1")
			is.True(record.DurationMS != nil)
			is.Equal(record.Route, "/api/whoami") // probes are logged at DEBUG
		}
	}
	is.Equal(messages["serving"], 1)
	is.Equal(messages["stopping"], 1)
	is.Equal(messages["stopped"], 1)
	is.Equal(messages["request"], 2)
}

func TestStartErrorIsJSON(t *testing.T) {
	is := is.New(t)
	p := command(t, t.TempDir(), "LOG_FORMAT=json", "MYVAULT_ADDR=0.0.0.0:0")
	is.True(p.cmd.Run() != nil)
	var record struct{ Msg, Cause string }
	is.NoErr(json.Unmarshal([]byte(p.stderr.String()), &record))
	is.Equal(record.Msg, "stopped")
	is.True(strings.Contains(record.Cause, "loopback"))
}

// TestStrangersOfTheHTTPSPort checks that each kind of invalid connection is logged in few lines.
func TestStrangersOfTheHTTPSPort(t *testing.T) {
	is := is.New(t)
	certificate, key := authority.New(t, "a").Server(t).Write(t, t.TempDir(), "server")
	p := start(t, t.TempDir(), "MYVAULT_TLS_CERT="+certificate, "MYVAULT_TLS_KEY="+key)
	at := strings.TrimPrefix(p.url, "https://")
	const perKind = 500
	for range perKind {
		for _, text := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\x00\x05aaaaa", "\x00"} {
			conn, err := net.Dial("tcp", at)
			is.NoErr(err)
			_, _ = io.WriteString(conn, text)
			_ = conn.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
		conn, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true})
		is.NoErr(err)
		_, _ = io.WriteString(conn, "NOT HTTP\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}
	is.NoErr(p.stop(t, syscall.SIGTERM))
	counted, lines := 0, 0
	for line := range strings.Lines(p.stderr.String()) {
		more := 1
		if _, after, found := strings.Cut(line, " more="); found {
			_, err := fmt.Sscan(after, &more)
			is.NoErr(err)
		}
		if strings.Contains(line, "handshake") {
			counted += more
			lines++
		}
	}
	is.Equal(counted, 3*perKind) // all are counted
	t.Log(lines, "lines")
	is.True(lines < perKind)
}

// TestASecondSignalEndsTheServerAtOnce sends the second signal while the server drains. Pending
// trail entries must be written.
func TestASecondSignalEndsTheServerAtOnce(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			is := is.New(t)
			dir := t.TempDir()
			p := start(t, dir, "MYVAULT_DRAIN=10m")
			c := p.headers(t)
			is.Equal(p.must(t, c, "POST", "/api/secrets", `{"project":"p","path":"x","value":"v"}`).status, 201)
			is.NoErr(p.cmd.Process.Signal(syscall.SIGTERM))
			await(t, "draining", func() bool { return p.must(t, c, "GET", "/ready", "").status == 503 })
			for range 5 {
				is.Equal(p.must(t, caller{"local", "wrong"}, "GET", "/api/whoami", "").status, 401)
			}
			time.Sleep(50 * time.Millisecond) // two signals in a shorter time count as one
			is.True(p.stop(t, signal) != nil) // a non-zero exit code
			p = start(t, dir)
			is.Equal(p.must(t, c, "GET", "/api/secrets/p/x", "").secret(t).Value, "v")
			entries := p.must(t, c, "GET", "/api/audit?outcome=unauthenticated", "").body
			is.True(strings.Contains(entries, `"count":5`))
		})
	}
}

// TestTwoSignalsAtOnceCountAsOne covers timeout(1), which signals the process and its group.
func TestTwoSignalsAtOnceCountAsOne(t *testing.T) {
	is := is.New(t)
	p := start(t, t.TempDir())
	is.NoErr(p.cmd.Process.Signal(syscall.SIGTERM))
	is.NoErr(p.stop(t, syscall.SIGTERM))
}

// TestFewOpenFiles checks that with a low limit of open files the server allows fewer connections,
// logs this, and never fails to accept a connection.
func TestFewOpenFiles(t *testing.T) {
	is := is.New(t)
	p := command(t, t.TempDir())
	p.cmd.Path, p.cmd.Args = "/bin/sh", []string{"sh", "-c", "ulimit -n 256; exec " + binary + " serve"}
	p.run(t)
	at := strings.TrimPrefix(p.url, "http://")
	c := p.headers(t)
	p.client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	var conns []net.Conn
	for n := range 900 {
		conn, err := net.Dial("tcp", at)
		is.NoErr(err)
		conns = append(conns, conn)
		_, _ = io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Filler: ")
		if n%100 == 0 {
			is.Equal(p.must(t, c, "GET", "/api/whoami", "").status, 200)
		}
	}
	is.Equal(p.must(t, c, "GET", "/api/whoami", "").status, 200)
	for _, conn := range conns {
		_ = conn.Close()
	}
	is.NoErr(p.stop(t, syscall.SIGTERM))
	log := p.stderr.String()
	is.True(strings.Contains(log, "files=256 connections=160 asked=512"))
	is.True(!strings.Contains(log, "too many open files"))
	is.Equal(strings.Count(log, "connections=160"), 2) // also in the record of the start
}
