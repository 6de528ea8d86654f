package main_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/matryer/is"
)

// documentedMembers returns the members of --json of a command in docs/cli.md.
func documentedMembers(t *testing.T, command string) (members []string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, _ := strings.Cut(string(text), "\n## myvault "+command+"\n")
	part, _, _ = strings.Cut(part, "\n## ")
	_, part, found := strings.Cut(part, "Members of `--json`:")
	if !found {
		t.Fatalf("docs/cli.md has no members of %s", command)
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (.+) \\|$").FindAllStringSubmatch(part, -1) {
		members = append(members, m[1])
		_, like, _ := strings.Cut(strings.TrimSuffix(m[2], "`"), "; with the members of `")
		for _, member := range members {
			if inner, found := strings.CutPrefix(member, like+"."); found && like != "" {
				members = append(members, m[1]+"."+inner)
			}
		}
	}
	return members
}

// addMembers adds the names of the members of v, as docs/cli.md spells them.
func addMembers(all map[string]bool, prefix string, v any) {
	switch v := v.(type) {
	case map[string]any:
		if prefix != "" && !strings.HasSuffix(prefix, "[]") {
			all[prefix] = true
		}
		for name, inner := range v {
			addMembers(all, strings.TrimPrefix(prefix+"."+name, "."), inner)
		}
	case []any:
		all[prefix+"[]"] = true
		for _, item := range v {
			if _, object := item.(map[string]any); object {
				addMembers(all, prefix+"[]", item)
			}
		}
	default:
		all[prefix] = true
	}
}

// checkMembers compares the members of the objects in text with docs/cli.md. Members below an
// empty list or null are not compared.
func checkMembers(t *testing.T, command, text string) {
	t.Helper()
	is := is.New(t)
	got := make(map[string]bool)
	for line := range strings.Lines(text) {
		var object map[string]any
		is.NoErr(json.Unmarshal([]byte(line), &object))
		addMembers(got, "", object)
	}
	want := slices.DeleteFunc(documentedMembers(t, command), func(name string) bool {
		above := name[:max(0, strings.LastIndex(name, "."))]
		return above != "" && !slices.ContainsFunc(slices.Collect(maps.Keys(got)), func(g string) bool { return strings.HasPrefix(g, above+".") })
	})
	slices.Sort(want)
	is.Equal(slices.Sorted(maps.Keys(got)), want)
}

// TestOperationsAsJSON checks the members and some values of --json of each operation.
func TestOperationsAsJSON(t *testing.T) {
	is := is.New(t)
	v := newVault(t)
	v.must("hunter2", "put", "p/x")
	v.must("hunter3", "put", "p/x")
	moved := v.write("to.env", "MYVAULT_DATA="+filepath.Join(v.dir, "moved")+"\nMSA_MASTER_KEY=base64:jFi1bkzTyKQ5BLtw2dBDo1RItDXlKo8A5z2JbC6TExI=\n")
	for _, c := range []struct {
		args string
		want string // part of the output
	}{
		{"backup b --json", `"file":"b","heads_file":"b.heads","heads":[{"chain":"changes","seq":2,`},
		{"verify b b.heads --json", `"target":"b","changes":2,`},
		{"verify b b.heads --json", `"truncation_checked":true,"compared":[{"chain":"changes","seq":2,`},
		{"restore b restored b.heads --json", `"directory":"restored","target":"b",`},
		{"move --from data/.env --to " + moved + " --json", `"versions":2,"written":2,"equal":true,`},
		{"rekey --data --json", `"data":{"epoch":2,"records_encrypted":2,"records_remaining":0,`},
		{"rekey --json", `"data":null`},
		{"prune --keep 1 --json", `{"versions_destroyed":1,"access_entries_removed":null}`},
		{"prune --days 30 --json", `{"versions_destroyed":null,"access_entries_removed":0}`},
		{"lint --json", `{"services":1,"rules":2,"findings":[`},
		{"init --json", `"token_file":"data/client.headers"`},
		{"health --json", `{"where":"the store in `},
		{"doctor --json", `"status":"ok"`},
		{"version --json", `"go":"go1.`},
	} {
		t.Run(c.args, func(t *testing.T) {
			is := is.New(t)
			args := strings.Fields(c.args)
			out := v.must("", args...)
			is.True(strings.Contains(out, c.want)) // the values
			checkMembers(t, args[0], out)
		})
	}
}

// TestFailedOperationsAsJSON checks that findings are printed although the command fails.
func TestFailedOperationsAsJSON(t *testing.T) {
	is := is.New(t)
	v := newVault(t)
	env := filepath.Join(v.dir, "data/.env")
	text, err := os.ReadFile(env)
	is.NoErr(err)
	is.NoErr(os.WriteFile(env, fmt.Appendf(text, "\nDENY_local=billing/,billing/x\n"), 0o600))
	r := v.run("", "lint", "--json")
	is.Equal(r.code, 1)
	is.True(strings.Contains(r.stdout, `{"setting":"DENY_local","rule":"billing/x","reason":"`))
	is.True(strings.Contains(r.stderr, "1 findings"))
	checkMembers(t, "lint", r.stdout)
	r = v.run("", "verify", "nothing", "--json")
	is.Equal(r.code, 1)
	is.Equal(r.stdout, "")
}
