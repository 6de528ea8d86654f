package server_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/matryer/is"
)

// TestImageBinary checks that the binary is static and runs as an unprivileged user in a read-only
// directory.
func TestImageBinary(t *testing.T) {
	is := is.New(t)
	dir, err := os.MkdirTemp("", "myvault-image-") // other users cannot enter t.TempDir
	is.NoErr(err)
	defer os.RemoveAll(dir)
	is.NoErr(os.Chmod(dir, 0o755))
	static := filepath.Join(dir, "myvault")
	build := exec.Command("go", "build", "-o", static, root+"/cmd/myvault")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	is.Equal(string(out), "")
	is.NoErr(err)
	file, err := elf.Open(static)
	is.NoErr(err)
	defer file.Close()
	for _, part := range file.Progs {
		is.True(part.Type != elf.PT_INTERP && part.Type != elf.PT_DYNAMIC)
	}
	root, data := filepath.Join(dir, "root"), filepath.Join(dir, "data")
	is.NoErr(os.Mkdir(root, 0o555))
	is.NoErr(os.Mkdir(data, 0o700))
	port := "PORT=" + freePort(t)
	p := command(t, root, port, "MYVAULT_DATA="+data)
	p.cmd.Path, p.cmd.Args = static, []string{static, "serve"}
	if os.Getuid() == 0 {
		is.NoErr(os.Chown(data, 65532, 65532))
		p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	}
	p.run(t)
	ask := command(t, root, port, "MYVAULT_DATA="+data)
	ask.cmd.Path, ask.cmd.Args, ask.cmd.SysProcAttr = static, []string{static, "health"}, p.cmd.SysProcAttr
	is.NoErr(ask.cmd.Run())
	is.NoErr(p.stop(t, syscall.SIGTERM))
	left, err := os.ReadDir(root)
	is.NoErr(err)
	is.Equal(len(left), 0)
}

// TestDockerignore checks that .dockerignore does not exclude packages that the programs need.
func TestDockerignore(t *testing.T) {
	is := is.New(t)
	ignored, err := os.ReadFile(filepath.Join(root, ".dockerignore"))
	is.NoErr(err)
	included := map[string]bool{}
	for _, line := range strings.Fields(string(ignored)) {
		if name, ok := strings.CutPrefix(line, "!"); ok {
			included[name] = true
		}
	}
	is.True(included["go.mod"] && included["go.sum"] && included["*.go"])
	text, err := os.ReadFile(filepath.Join(root, "deploy/Dockerfile"))
	is.NoErr(err)
	list := exec.Command("go", "list", "-deps", "-f", `{{with .Module}}{{if .Main}}{{$.ImportPath}}{{end}}{{end}}`)
	list.Args = append(list.Args, regexp.MustCompile(`\./(?:cmd|examples)/\w+`).FindAllString(string(text), -1)...)
	list.Dir = root
	out, err := list.Output()
	is.NoErr(err)
	needed := 0
	for _, path := range strings.Fields(string(out)) {
		if folder := strings.TrimPrefix(path, "github.com/myswiftagent/myvault/"); folder != path {
			needed++
			top, _, _ := strings.Cut(folder, "/")
			if !included[top] {
				t.Errorf(".dockerignore excludes %s, which the build needs", top)
			}
		}
	}
	is.True(needed > 10)
}

// TestDockerfile checks the image against docs/deploy.md.
func TestDockerfile(t *testing.T) {
	is := is.New(t)
	text, err := os.ReadFile(filepath.Join(root, "deploy/Dockerfile"))
	is.NoErr(err)
	known := map[string]bool{"ARG": true, "FROM": true, "WORKDIR": true, "COPY": true, "RUN": true, "USER": true, "VOLUME": true, "ENV": true, "EXPOSE": true, "HEALTHCHECK": true, "ENTRYPOINT": true}
	stages := strings.Split(string(text), "\nFROM ")
	is.Equal(len(stages), 3) // the comment, the build, the image
	for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", "")) {
		word, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		is.True(word == "" || word[0] == '#' || known[word]) // an instruction of Dockerfiles
	}
	is.True(regexp.MustCompile(`(?m)^ARG GO_IMAGE=golang:1\.26\.\d+@sha256:[0-9a-f]{64}\nFROM \$\{GO_IMAGE\} AS build$`).Match(text)) // a tag can be moved, a digest cannot
	image := stages[2]
	for _, want := range []string{
		"scratch\n", "\nUSER 65532:65532\n", "\nVOLUME /data\n", "--chown=65532:65532", `CMD ["/myvault", "health"]`, "\nENTRYPOINT [\"/myvault\", \"serve\"]\n",
	} {
		is.True(strings.Contains(image, want))
	}
	is.True(strings.Contains(stages[1], "./cmd/myvault ") && strings.Contains(image, " /out/myvault "))
	is.True(strings.Contains(stages[1], "CGO_ENABLED=0"))
	is.True(!regexp.MustCompile(`(?i)token|master_key|password|\bADD\b`).MatchString(string(text))) // no secrets in a layer
	for _, setting := range regexp.MustCompile(`(MYVAULT_\w+)=`).FindAllStringSubmatch(image, -1) {
		is.True(strings.Contains(help(t), "  "+setting[1]+" ")) // the help has the setting
	}
}

// TestCIRepeatsWhatWasNotChecked tests the shell function of .ci/run that prints the output of its
// last step.
func TestCIRepeatsWhatWasNotChecked(t *testing.T) {
	is := is.New(t)
	run, err := os.ReadFile(filepath.Join(root, ".ci/run"))
	is.NoErr(err)
	is.True(strings.HasSuffix(string(run), "go test -count=1 ./... | noted\n"))
	noted := regexp.MustCompile(`(?m)^noted\(\) .*$`).FindString(string(run))
	for _, c := range []struct{ unchecked, want string }{
		{"not checked", "ok a\nok b\nnot checked\nok c\n"},
		{"", "ok a\nok b\nok c\n"},
	} {
		command := exec.Command("bash", "-c", noted+`; printf 'ok a\nok b\nok c\n' | noted`)
		command.Env = append(os.Environ(), "unchecked="+c.unchecked)
		out, err := command.Output()
		is.NoErr(err)
		is.Equal(string(out), c.want)
	}
}

// TestSystemdUnits checks the units with systemd-analyze.
func TestSystemdUnits(t *testing.T) {
	is := is.New(t)
	verify, err := exec.LookPath("systemd-analyze")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("systemd-analyze is missing; apt-get install systemd")
		}
		t.Skip("needs systemd-analyze")
	}
	dir := t.TempDir()
	for _, name := range []string{"myvault.service", "myvault-backup.service", "myvault-backup.timer"} {
		installed := strings.ReplaceAll(string(deployed(t, name)), "/usr/local/bin/myvault", binary) // must exist
		is.NoErr(os.WriteFile(filepath.Join(dir, name), []byte(installed), 0o644))
		out, err := exec.Command(verify, "verify", "--man=no", filepath.Join(dir, name)).CombinedOutput()
		t.Logf("%s", out)
		is.NoErr(err)
		is.True(!strings.Contains(string(out), name))
	}
}

// TestServicesAreConfined checks the settings of both services.
func TestServicesAreConfined(t *testing.T) {
	is := is.New(t)
	for _, name := range []string{"myvault.service", "myvault-backup.service"} {
		text := string(deployed(t, name))
		for _, want := range []string{"LoadCredential=env:", "DynamicUser=yes", "ProtectSystem=strict", "NoNewPrivileges=yes", "UMask=0077"} {
			is.True(strings.Contains(text, "\n"+want))
		}
		for _, setting := range regexp.MustCompile(`Environment=(\w+)=`).FindAllStringSubmatch(text, -1) {
			is.True(strings.Contains(help(t), "  "+setting[1]+" "))
		}
	}
}

// unitCommand returns a command of a unit as systemd starts it, with the built program.
func unitCommand(t *testing.T, unit, setting string) *exec.Cmd {
	t.Helper()
	line := regexp.MustCompile(`(?m)^` + setting + `=/bin/sh (-\w+) '(.*)'$`).FindSubmatch(deployed(t, unit))
	if line == nil {
		t.Fatalf("%s has no %s", unit, setting)
	}
	script := strings.NewReplacer("$$", "$", "%%", "%", `\\`, `\`, "/usr/local/bin/myvault", binary).Replace(string(line[2]))
	return exec.Command("/bin/sh", string(line[1]), script)
}

// TestBackupUnit runs the commands of the backup's unit. They leave a verified backup and remove
// old backups, and nothing else.
func TestBackupUnit(t *testing.T) {
	is := is.New(t)
	d := newDrill(t)
	backups := t.TempDir()
	long := time.Now().AddDate(0, 0, -31)
	for _, name := range []string{"20260101T000000Z", "20260101T000000Z.heads", "master.key"} {
		is.NoErr(os.WriteFile(filepath.Join(backups, name), nil, 0o600))
		is.NoErr(os.Chtimes(filepath.Join(backups, name), long, long))
	}
	run := func(setting string) error {
		cmd := unitCommand(t, "myvault-backup.service", setting)
		cmd.Dir, cmd.Env = backups, []string{"PATH=" + os.Getenv("PATH"), "MYVAULT_DATA=" + filepath.Join(d.dir, "data"), "MYVAULT_ENV=" + filepath.Join(d.dir, "data/.env")}
		out, err := cmd.CombinedOutput()
		t.Logf("%s", out)
		return err
	}
	is.NoErr(run("ExecStart"))
	is.NoErr(run("ExecStartPost"))
	left, err := filepath.Glob(filepath.Join(backups, "*"))
	is.NoErr(err)
	is.Equal(len(left), 3) // the backup, its heads, the key
	is.True(!strings.HasPrefix(filepath.Base(left[0]), "20260101") && left[1] == left[0]+".heads")
	is.Equal(filepath.Base(left[2]), "master.key")
	is.NoErr(os.RemoveAll(filepath.Join(d.dir, "data")))
	is.True(run("ExecStart") != nil) // systemd then starts no ExecStartPost
}

// help returns the help of serve.
func help(t *testing.T) string {
	t.Helper()
	p := command(t, t.TempDir())
	p.cmd.Args = append(p.cmd.Args, "--help")
	p.cmd.Stdout = &p.stdout
	if err := p.cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return p.stdout.String()
}
