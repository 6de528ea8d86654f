package server_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
)

// root is the path of the module from this package.
const root = "../../../.."

// pages are the documents whose blocks are run, in this order, on one server.
var pages = []string{"README.md", "docs/http.md", "docs/settings.md", "docs/operate.md", "docs/moving.md", "docs/deploy.md"}

// block is a fenced code block of a page.
type block struct {
	language, text string
	line           int
}

func page(t *testing.T, name string) (text string, blocks []block) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	number := 0
	for line := range strings.Lines(string(raw)) {
		number++
		switch language, fence := strings.CutPrefix(strings.TrimRight(line, "\n"), "```"); {
		case fence && !inside && !strings.Contains(language, "`"):
			inside = true
			blocks = append(blocks, block{language: language, line: number})
		case fence && inside:
			inside = false
		case inside:
			blocks[len(blocks)-1].text += line
		}
	}
	return string(raw), blocks
}

// TestReadmeBlocks runs every block of the pages: commands with a server after its first run,
// programs, and settings. A following block of json or text is the expected output, in which "..."
// matches any text, or any lines if it is a line.
func TestReadmeBlocks(t *testing.T) {
	p := start(t, t.TempDir())
	p.greeting(t)
	ran := make(map[string]int)
	for _, name := range pages {
		_, blocks := page(t, name)
		runBlocks(t, p, name, blocks, ran)
	}
	is := is.New(t)
	is.True(ran["sh"] >= 18 && ran["go"] >= 2 && ran["env"] >= 1) // the blocks were found
}

func runBlocks(t *testing.T, p *process, page string, blocks []block, ran map[string]int) {
	t.Helper()
	for i, b := range blocks {
		ran[b.language]++
		if settings, starts := strings.CutSuffix(strings.TrimSpace(b.text), " go run ./cmd/myvault serve"); starts {
			is.New(t).NoErr(p.stop(t, syscall.SIGTERM))
			p = start(t, p.dir, strings.Fields(settings)...)
			continue
		}
		t.Run(fmt.Sprintf("%s line %d %s", page, b.line, b.language), func(t *testing.T) {
			var out string
			switch b.language {
			case "sh":
				out = runShell(t, p, b.text)
			case "go":
				out = runGo(t, b.text)
			case "env":
				readEnv(t, b.text)
			case "yaml":
				checkManifest(t, b.text)
			case "json", "text": // the output of the previous block
				return
			default:
				t.Fatalf("unknown block language %q", b.language)
			}
			if i+1 < len(blocks) && (blocks[i+1].language == "json" || blocks[i+1].language == "text") {
				want := regexp.QuoteMeta(strings.TrimSpace(blocks[i+1].text))
				want = regexp.MustCompile(`(?m)^\\\.\\\.\\\.$`).ReplaceAllString(want, `(?s:.*)`)
				want = strings.ReplaceAll(want, `\.\.\.`, `.+`)
				if !regexp.MustCompile(want + `\s*$`).MatchString(out) {
					t.Errorf("got\n%s\nwant\n%s", out, blocks[i+1].text)
				}
			}
		})
	}
}

// runShell runs commands in the server's directory. Each curl must succeed.
func runShell(t *testing.T, p *process, script string) string {
	t.Helper()
	switch strings.TrimSpace(script) {
	case "go run ./cmd/myvault serve": // p is already running it
		return strings.ReplaceAll(p.greeting(t), p.url, "http://127.0.0.1:8000")
	}
	script = regexp.MustCompile(`go run \./(?:cmd|examples)/(\w+)`).ReplaceAllStringFunc(script, func(run string) string {
		return program(t, strings.TrimPrefix(run, "go run "))
	})
	script = regexp.MustCompile(`https?://127\.0\.0\.1:8000`).ReplaceAllString(script, p.url)
	script = "curl() { command curl --fail-with-body \"$@\"; }\nset -e\n" + script
	shell := exec.Command("sh", "-c", script)
	shell.Dir, shell.Env = p.dir, append(os.Environ(), "MYVAULT_URL="+p.url)
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	return string(out)
}

// program builds the program in a folder.
func program(t *testing.T, folder string) string {
	t.Helper()
	path := filepath.Join(filepath.Dir(binary), filepath.Base(folder))
	if path == binary {
		return path
	}
	build := exec.Command("go", "build", "-o", path, folder)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// snippetProgram turns a snippet into a program. Its variables have the names that snippets use.
const snippetProgram = `package main

import (
	"context"
	"fmt"
	"os"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

func main() {
	ctx, addr := context.Background(), myvault.Address{Project: "newsbot", Path: "prod/x"}
	dir, _ := os.MkdirTemp("", "myvault-readme-")
	defer os.RemoveAll(dir)
	keyFile := dir + "/keyfile"
	os.WriteFile(keyFile, []byte(crypto.NewKey().Text()+"\n"), 0o600)
	rule, _ := myvault.ParseRule("newsbot/")
	policy, _ := myvault.NewPolicy(myvault.Service{Name: "newsbot", Allow: []myvault.Rule{rule}})
	%s
	_, err = vault.As("newsbot").Put(ctx, addr, myvault.Text("hunter2"))
	secret, err := vault.As("newsbot").Get(ctx, addr)
	fmt.Println(secret.Value.Len(), err, vault.Close())
}
`

// runGo runs a program, or a snippet inside one.
func runGo(t *testing.T, program string) string {
	t.Helper()
	snippet := !strings.HasPrefix(program, "package ")
	if snippet {
		program = fmt.Sprintf(snippetProgram, program)
	}
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	run := exec.Command("go", "run", file)
	run.Dir = root
	out, err := run.CombinedOutput()
	if err != nil || snippet && string(out) != "7 <nil> <nil>\n" {
		t.Errorf("%v: %s", err, out)
	}
	return string(out)
}

// checkManifest checks that the settings in a manifest exist. TestAKubernetesMount tests its owners
// and modes.
func checkManifest(t *testing.T, text string) {
	t.Helper()
	is := is.New(t)
	settings, _ := page(t, "docs/settings.md")
	names := regexp.MustCompile(`\b(MSA|MYVAULT)_[A-Z_]+\b`).FindAllString(text, -1)
	is.True(len(names) > 0)
	for _, name := range names {
		is.True(strings.Contains(settings, "`"+name+"`"))
	}
}

func readEnv(t *testing.T, text string) {
	t.Helper()
	is := is.New(t)
	settings, err := myvault.ReadEnv(strings.NewReader(text))
	is.NoErr(err)
	_, err = myvault.ParsePolicy(settings)
	is.NoErr(err)
}

// TestReadmeRules checks every row of the table of rules.
func TestReadmeRules(t *testing.T) {
	text, _ := page(t, "README.md")
	_, table, found := strings.Cut(text, "| rule | covers | does not cover |\n| --- | --- | --- |\n")
	if !found {
		t.Fatal("README.md has no table of rules")
	}
	quoted := regexp.MustCompile("`([^`]+)`")
	rows := 0
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) != 5 {
			break
		}
		rows++
		t.Run(strings.TrimSpace(cells[1]), func(t *testing.T) {
			is := is.New(t)
			rule, err := myvault.ParseRule(quoted.FindStringSubmatch(cells[1])[1])
			is.NoErr(err)
			policy, err := myvault.NewPolicy(myvault.Service{Name: "svc", Allow: []myvault.Rule{rule}})
			is.NoErr(err)
			for column, want := range map[int]bool{2: true, 3: false} {
				for _, name := range quoted.FindAllStringSubmatch(cells[column], -1) {
					addr, err := myvault.ParseAddress(name[1])
					is.NoErr(err)
					is.Equal(policy.Allows("svc", myvault.Read, addr), want)
				}
			}
		})
	}
	is.New(t).True(rows >= 10)
}

// TestDocsNameEveryRoute also checks every setting of the server.
func TestDocsNameEveryRoute(t *testing.T) {
	text, _ := page(t, "docs/http.md")
	for _, route := range httpapi.Routes() {
		if !strings.Contains(text, route.Pattern) || !strings.Contains(text, "`"+route.Method) {
			t.Errorf("%s %s is not in docs/http.md", route.Method, route.Pattern)
		}
	}
	text, _ = page(t, "docs/settings.md")
	p := command(t, t.TempDir())
	p.cmd.Args = append(p.cmd.Args, "--help")
	p.cmd.Stdout = &p.stdout
	if err := p.cmd.Run(); err != nil {
		t.Fatal(err)
	}
	for _, setting := range regexp.MustCompile(`(?m)^  ([A-Z_]+) `).FindAllStringSubmatch(p.stdout.String(), -1) {
		if !strings.Contains(text, "`"+setting[1]+"`") {
			t.Errorf("the setting %s is not in docs/settings.md", setting[1])
		}
	}
}

// TestExampleEnvStarts starts the server with .env.example and another key.
func TestExampleEnvStarts(t *testing.T) {
	is := is.New(t)
	text, err := os.ReadFile(filepath.Join(root, ".env.example"))
	is.NoErr(err)
	dir := t.TempDir()
	is.NoErr(os.WriteFile(filepath.Join(dir, ".env"), withNewKey(t, text), 0o600))
	p := start(t, dir)
	is.Equal(p.must(t, caller{"commonUI", "ui-xxxx"}, "POST", "/api/secrets/test", "").status, 200)
}
