package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"
)

// eachWay runs a test on a local store and over HTTP.
func eachWay(t *testing.T, test func(t *testing.T, v *vault)) {
	t.Run("local", func(t *testing.T) { test(t, newVault(t)) })
	t.Run("http", func(t *testing.T) { test(t, newVault(t).served()) })
}

// decode decodes the only line of JSON.
func decode(t *testing.T, line string) (members map[string]any) {
	t.Helper()
	if strings.Count(line, "\n") != 1 {
		t.Fatalf("want one line of JSON: %q", line)
	}
	if err := json.Unmarshal([]byte(line), &members); err != nil {
		t.Fatal(err)
	}
	return members
}

func TestSecretsAndTheirVersions(t *testing.T) {
	eachWay(t, func(t *testing.T, v *vault) {
		is := is.New(t)
		is.Equal(v.must("hunter2\n", "put", "newsbot/prod/db"), "newsbot/prod/db version 1\n")
		is.Equal(v.must("", "get", "newsbot/prod/db"), "hunter2")
		is.Equal(v.must("two\nlines\n", "put", "newsbot/prod/db", "--if-version", "1"), "newsbot/prod/db version 2\n")
		is.Equal(v.must("", "get", "newsbot/prod/db"), "two\nlines\n") // only the end of a single line is removed
		is.Equal(v.must("", "get", "newsbot/prod/db", "--version", "1"), "hunter2")
		v.must("x\n", "put", "newsbot/prod/exact", "--exact")
		is.Equal(v.must("", "get", "newsbot/prod/exact"), "x\n")

		r := v.run("3", "put", "newsbot/prod/db", "--if-version", "1")
		is.Equal(r.code, 1)
		is.True(strings.Contains(r.stderr, "myvault history")) // what to do after a lost race
		is.Equal(v.run("3", "put", "newsbot/prod/db", "--if-absent").code, 1)

		listed := strings.Fields(v.must("", "list", "newsbot/"))
		is.Equal(listed[0], "newsbot/prod/db")
		is.Equal(listed[1], "2")
		is.Equal(strings.Count(v.must("", "history", "newsbot/prod/db"), "\n"), 2)
		is.True(strings.HasPrefix(v.must("", "diff", "newsbot/prod/db", "1"), "changed prod/db (1, 2)\n"))
		is.True(strings.Contains(v.must("", "diff", "--reveal", "newsbot/prod/db", "1"), "- hunter2\n+ two\n+ lines\n"))

		v.must("", "delete", "newsbot/prod/db")
		is.Equal(v.run("", "get", "newsbot/prod/db").code, 1)
		is.True(strings.Contains(v.must("", "list", "--deleted", "newsbot/prod/db"), "deleted"))
		v.must("", "undelete", "newsbot/prod/db")
		v.must("", "destroy", "newsbot/prod/db", "1")
		r = v.run("", "get", "newsbot/prod/db", "--version", "1")
		is.Equal(r.code, 1)
		is.True(strings.Contains(r.stderr, "destroyed"))
		v.must("", "destroy", "newsbot/prod/db", "--all")
		is.Equal(v.run("", "get", "newsbot/prod/db").code, 1)
	})
}

func TestPutGeneratesValues(t *testing.T) {
	eachWay(t, func(t *testing.T, v *vault) {
		is := is.New(t)
		v.must("", "put", "p/text", "--generate", "text:40:hex", "--rotate-after", "90d", "--expires", "2099-01-31")
		is.Equal(len(v.must("", "get", "p/text")), 40)
		v.must("", "put", "p/bytes", "--generate", "bytes:32:base64")
		is.Equal(len(v.must("", "get", "p/bytes")), 44)
		is.True(strings.Contains(v.must("", "audit", "--action", "generate"), "p/text v1"))
		is.True(strings.HasPrefix(v.must("", "due", "--within", "91d"), "p/text "))
		is.Equal(v.must("", "due", "--within", "89d"), "")
		r := v.run("", "put", "p/text", "--generate", "text:4:hex")
		is.Equal(r.code, 2)
	})
}

func TestJSON(t *testing.T) {
	eachWay(t, func(t *testing.T, v *vault) {
		is := is.New(t)
		put := decode(t, v.must("\xff\x00", "put", "p/binary", "--json"))
		is.Equal(put["version"], 1.0)
		got := decode(t, v.must("", "get", "p/binary", "--json"))
		is.Equal(got["value"], "/wA=")
		is.Equal(got["encoding"], "base64")
		for _, args := range [][]string{
			{"list"}, {"history", "p/binary"}, {"usage", "p/"}, {"who", "read", "p/binary"}, {"explain", "read", "p/binary"},
			{"whoami"}, {"project", "list"}, {"version"}, {"diff", "p/binary", "1"}, {"token", "mint", "p/@read"}, {"token", "list"},
			{"delete", "p/binary"}, {"undelete", "p/binary"}, {"destroy", "p/binary", "1"}, {"project", "put", "q"},
			{"project", "default", "q"}, {"project", "delete", "q"}, {"audit", "--limit", "1"}, {"health"},
		} {
			line := v.must("", append(args, "--json")...)
			is.True(len(decode(t, line)) > 0) // args
		}
	})
}

func TestProjectsPolicyAndTrail(t *testing.T) {
	eachWay(t, func(t *testing.T, v *vault) {
		is := is.New(t)
		v.must("", "project", "put", "rag", "--description", "retrieval")
		v.must("", "project", "default", "rag")
		v.must("", "project", "put", "rag") // keeps the description
		is.True(strings.Contains(v.must("", "project", "list"), "retrieval"))
		v.must("", "project", "put", "rag", "--description", "")
		is.True(!strings.Contains(v.must("", "project", "list"), "retrieval"))
		is.Equal(v.must("", "who", "read", "rag/x"), "local\n")
		is.True(strings.HasPrefix(v.must("", "explain", "read", "rag/x"), "allowed by"))
		is.True(strings.Contains(v.must("", "whoami"), "allow: */"))
		is.True(strings.Contains(v.must("", "audit", "--since", "1h", "--json"), `"action":"put-project"`) ||
			strings.Contains(v.must("", "audit", "--since", "1h"), "project"))
		is.Equal(v.run("", "who", "fly", "rag/x").code, 2)
		v.must("", "project", "delete", "rag")
	})
}

// TestTokens mints a token and uses it from a file and from the environment.
func TestTokens(t *testing.T) {
	is := is.New(t)
	v := newVault(t).served()
	v.must("hunter2", "put", "newsbot/prod/db")
	file := v.write("token", v.must("", "token", "mint", "newsbot/prod/@read", "--for", "15m"))
	is.Equal(v.must("", "--token-file", file, "get", "newsbot/prod/db"), "hunter2")
	r := v.run("x", "--token-file", file, "put", "newsbot/prod/db")
	is.Equal(r.code, 1)
	is.True(strings.Contains(r.stderr, "denied"))
	id := strings.Fields(v.must("", "token", "list"))[0]
	v.must("", "token", "revoke", id)
	r = v.run("", "--token-file", file, "get", "newsbot/prod/db")
	is.Equal(r.code, 1)
	is.True(strings.Contains(r.stderr, "--token-file"))
	is.NoErr(os.Chmod(file, 0o644))
	is.Equal(v.run("", "--token-file", file, "get", "newsbot/prod/db").code, 1) // every user can read it
}

// TestFailuresSayWhatToDo checks the exit code and the sentence of each kind of failure.
func TestFailuresSayWhatToDo(t *testing.T) {
	v := newVault(t)
	v.must("hunter2", "put", "newsbot/prod/db")
	for _, c := range []struct {
		args    string
		environ string
		code    int
		want    string
	}{
		{"gett x", "", 2, "get"},
		{"get", "", 2, "accepts 1 arg"},
		{"get --nosuch x/y", "", 2, "unknown flag"},
		{"get nopath", "", 2, "want project/path"},
		{"get newsbot/prod/dbb", "", 1, "did you mean newsbot/prod/db?"},
		{"get newsbott/prod/db", "", 1, "did you mean newsbot?"},
		{"get newsbot/prod/db --version 9", "", 1, "not found"},
		{"get newsbot/prod/db", "MYVAULT_DATA=nowhere", 1, "myvault init"},
		{"get newsbot/prod/db", "MYVAULT_ENV=nowhere", 1, "nowhere"},
		{"get newsbot/prod/db", "MSA_MASTER_KEY=base64:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 1, "MSA_MASTER_KEY_FILE"},
		{"--service nobody get newsbot/prod/db", "", 1, "it has local"},
		{"--url http://127.0.0.1:1 get newsbot/prod/db", "MYVAULT_LOCAL=", 1, "myvault serve"},
		{"--url http://192.0.2.1 get newsbot/prod/db", "MYVAULT_LOCAL=", 1, "no token"},
		{"--token-file nowhere get newsbot/prod/db", "MYVAULT_LOCAL=", 1, "nowhere"},
		{"due --within soon", "", 2, "--within"},
		{"export newsbot/ --format toml", "", 2, "dotenv, json"},
		{"import newsbot/ --format shell", "", 2, "dotenv, json"},
		{"run newsbot/prod/ true", "", 125, "--"},
		{"run newsbot/dev/ -- true", "", 125, "no secrets"},
		{"run --nosuch newsbot/prod/ -- true", "", 125, "unknown flag"},
	} {
		t.Run(c.args, func(t *testing.T) {
			is := is.New(t)
			cmd := v.command(strings.Fields(c.args)...)
			cmd.Env = append(cmd.Env, c.environ)
			r := finish(t, cmd, "")
			is.Equal(r.code, c.code)
			is.True(strings.HasPrefix(r.stderr, "myvault: "))
			if !strings.Contains(r.stderr, c.want) {
				t.Errorf("want %q in %q", c.want, r.stderr)
			}
			is.Equal(r.stdout, "")
			is.True(!strings.Contains(r.stderr, "hunter2"))
		})
	}
}

// TestWrongToken checks that a token never reaches an error.
func TestWrongToken(t *testing.T) {
	is := is.New(t)
	v := newVault(t).served()
	cmd := v.command("get", "newsbot/prod/db")
	cmd.Env = append(cmd.Env, "MYVAULT_SERVICE=local", "MYVAULT_TOKEN=canary-token-canary")
	r := finish(t, cmd, "")
	is.Equal(r.code, 1)
	is.True(strings.Contains(r.stderr, "check the service and its token"))
	is.True(!strings.Contains(r.stderr, "canary"))
}

func TestImportAndExport(t *testing.T) {
	eachWay(t, func(t *testing.T, v *vault) {
		is := is.New(t)
		text := "A=1\nB=\"two\\nlines\"\nDB_URL='postgres://x'\n"
		is.Equal(v.must(text, "import", "p/dev/", "--dry-run"), "create    p/dev/A\ncreate    p/dev/B\ncreate    p/dev/DB_URL\n")
		is.Equal(v.must("", "list", "p"), "") // a dry run writes nothing
		v.must(text, "import", "p/dev/")
		is.Equal(v.must("", "get", "p/dev/B"), "two\nlines")
		is.Equal(v.must(strings.Replace(text, "1", "2", 1), "import", "p/dev"), "update    p/dev/A\nsame      p/dev/B\nsame      p/dev/DB_URL\n")
		is.Equal(strings.Count(v.must("", "history", "p/dev/B"), "\n"), 1) // not written again

		changed := v.write("changed.env", strings.Replace(text, "A=1", "A=3\nNEW=4", 1))
		is.Equal(v.must("", "diff", "p/dev/", "--file", changed), "changed A\nadded   NEW\n")
		is.Equal(v.must("", "diff", "p/dev/", "--file", changed, "--reveal"), "changed A\n- 2\n+ 3\nadded   NEW\n+ 4\n")
		is.Equal(v.run("", "diff", "p/dev/").code, 2)

		for _, format := range []string{"json", "yaml", "vault", "k8s", "dotenv"} {
			exported := v.must("", "export", "p/dev/", "--format", format, "--name", "app")
			v.must(exported, "import", "p/"+format+"/", "--format", format)
			is.Equal(v.must("", "diff", "p/dev/", "p/"+format+"/"), "") // format
		}

		r := v.run("OK=1\nEMPTY=\nno entry\nBAD/NAME=2\n", "import", "q/")
		is.Equal(r.code, 1)
		is.True(strings.Contains(r.stderr, "EMPTY: the value is empty"))
		is.True(strings.Contains(r.stderr, "line 3: want KEY=VALUE"))
		is.Equal(v.must("", "list", "q"), "") // all or nothing
		v.must("OK=1\nEMPTY=\n", "import", "q/", "--skip-problems", "--map", "OK=deep/er")
		is.Equal(v.must("", "get", "q/deep/er"), "1")

		v.must("a\x00b", "put", "p/dev/binary")
		r = v.run("", "export", "p/dev/", "--format", "shell")
		is.Equal(r.code, 1)
		is.Equal(r.stdout, "")
		is.True(strings.Contains(r.stderr, "binary")) // why it cannot be written
		file := filepath.Join(v.dir, "out.json")
		v.must("", "export", "p/dev/", "--format", "json", "--output", file)
		info, err := os.Stat(file)
		is.NoErr(err)
		is.Equal(info.Mode().Perm(), os.FileMode(0o600))
		is.Equal(v.run("", "export", "p/dev/", "--format", "json", "--output", file).code, 1) // never overwritten
	})
}

// TestStoreCommands runs the commands of a store.
func TestStoreCommands(t *testing.T) {
	is := is.New(t)
	v := newVault(t)
	v.must("hunter2", "put", "p/x")
	v.must("", "backup", "b1")
	v.must("", "verify")
	v.must("", "verify", "b1", "b1.heads")
	v.must("", "restore", "b1", "restored", "b1.heads")
	v.must("", "rekey")
	is.Equal(v.must("", "get", "p/x"), "hunter2")
	v.must("", "prune", "--keep", "10")
	is.True(strings.HasPrefix(v.must("", "lint"), "ok: 1 services"))
	is.Equal(v.run("", "backup", "b1").code, 1) // never overwritten
	is.Equal(v.run("", "prune").code, 2)
	is.Equal(v.must("", "get", "p/x"), "hunter2")
}

func TestDoctor(t *testing.T) {
	is := is.New(t)
	v := newVault(t).served()
	r := v.run("", "doctor")
	is.Equal(r.code, 0)
	for _, name := range []string{"settings", "policy", "store", "disk", "server", "identity"} {
		is.True(strings.Contains(r.stdout, "ok       "+name)) // name
	}
	is.NoErr(os.Chmod(filepath.Join(v.dir, "data/.env"), 0o644))
	r = v.run("", "doctor")
	is.Equal(r.code, 1)
	is.True(strings.Contains(r.stdout, "problem  settings"))
	is.True(strings.Contains(r.stdout, "chmod 600"))
}

// TestIfVersionZero checks that 0 is not taken for the absence of the condition.
func TestIfVersionZero(t *testing.T) {
	eachWay(t, func(t *testing.T, v *vault) {
		is := is.New(t)
		v.must("1", "put", "p/x")
		for _, command := range []string{"put", "delete"} {
			r := v.run("2", command, "p/x", "--if-version", "0")
			is.Equal(r.code, 2)
			is.True(strings.Contains(r.stderr, "--if-version: want a version from 1"))
		}
		is.Equal(v.run("2", "put", "p/new", "--if-version", "0").code, 2)
		is.Equal(v.must("", "get", "p/x"), "1")
		is.Equal(strings.Count(v.must("", "list", "p/"), "\n"), 1)
	})
}

// TestReservedNamesNeedAMap exports and runs with the names that the help mentions.
func TestReservedNamesNeedAMap(t *testing.T) {
	is := is.New(t)
	v := newVault(t)
	for _, name := range []string{"PATH", "LD_PRELOAD", "NODE_OPTIONS", "HTTPS_PROXY", "DYLD_X", "MYVAULT_X", "MSA_X", "VAULT_X"} {
		folder := "p/" + name + "/"
		v.must("x", "put", folder+strings.ToLower(name))
		for _, args := range [][]string{
			{"export", folder, "--format", "shell"}, {"export", folder, "--format", "dotenv"}, {"run", folder, "--", "true"},
		} {
			r := v.run("", args...)
			is.True(r.code != 0) // args
			is.True(strings.Contains(r.stderr, "name it with --map "+strings.ToLower(name)+"=NAME"))
		}
		is.True(strings.Contains(v.must("", "export", folder, "--format", "dotenv", "--map", strings.ToLower(name)+"="+name), name+"="))
	}
}

// TestUnknownVersionNamesHistory asks for a version that a secret has not had.
func TestUnknownVersionNamesHistory(t *testing.T) {
	is := is.New(t)
	v := newVault(t)
	v.must("1", "put", "p/x")
	r := v.run("", "get", "p/x", "--version", "9")
	is.Equal(r.code, 1)
	is.True(strings.Contains(r.stderr, "myvault history p/x shows its versions"))
}
