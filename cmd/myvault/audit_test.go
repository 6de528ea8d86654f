package main_test

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/matryer/is"
)

// TestAuditFollows checks that --follow shows new entries once, without its own.
func TestAuditFollows(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signal to stop it")
	}
	eachWay(t, func(t *testing.T, v *vault) {
		is := is.New(t)
		v.must("1", "put", "p/x")
		v.must("", "list")
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		cmd := exec.CommandContext(ctx, binary, "audit", "--follow", "--limit", "1", "--interval", "100ms", "--json")
		cmd.Dir, cmd.Env = v.dir, v.environ
		if v.environ[2] != "MYVAULT_LOCAL=true" { // the server knows the service of a bearer token
			cmd.Env = append(cmd.Env, "MYVAULT_TOKEN="+strings.TrimSpace(v.must("", "token", "mint", "*/@read+write+delete+list+audit")))
		}
		pipe, err := cmd.StdoutPipe()
		is.NoErr(err)
		is.NoErr(cmd.Start())
		lines := bufio.NewScanner(pipe)
		next := func() (action, path string) {
			is.True(lines.Scan())
			var e struct{ Action, Path string }
			is.NoErr(json.Unmarshal(lines.Bytes(), &e))
			return e.Action, e.Path
		}
		_, _ = next() // the newest entry at the start
		for _, name := range []string{"a", "b"} {
			v.must("1", "put", "p/"+name)
			action, path := next()
			is.Equal(action, "write")
			is.Equal(path, name) // neither older entries nor readings of the trail
		}
		is.NoErr(cmd.Process.Signal(os.Interrupt))
		is.True(!lines.Scan())
		is.NoErr(cmd.Wait())
	})
}

// TestAuditLimits counts entries with and without --since and --limit.
func TestAuditLimits(t *testing.T) {
	is := is.New(t)
	v := newVault(t)
	for range 60 {
		v.must("", "list")
	}
	for want, args := range map[int][]string{
		50: {}, 49: {"--limit", "49"}, 3: {"--since", "1h", "--limit", "3"}, 51: {"--since", "1h", "--limit", "51"},
	} {
		is.Equal(strings.Count(v.must("", append([]string{"audit"}, args...)...), "\n"), want)
	}
	is.Equal(strings.Count(v.must("", "audit", "--since", "1h", "--limit", "50"), "\n"), 50)
	is.True(strings.Count(v.must("", "audit", "--since", "1h"), "\n") > 60)
	is.Equal(v.run("", "audit", "--limit", "-1").code, 2)
}
