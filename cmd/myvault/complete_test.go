package main_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"
)

// TestCompletion asks for completions as the scripts do.
func TestCompletion(t *testing.T) {
	eachWay(t, func(t *testing.T, v *vault) {
		is := is.New(t)
		for _, name := range []string{"newsbot/prod/db/password", "newsbot/prod/db/user", "newsbot/dev/x", "other/y"} {
			v.must("x", "put", name)
		}
		for typed, want := range map[string]string{
			"":                   "newsbot/ other/",
			"ne":                 "newsbot/",
			"newsbot/":           "newsbot/dev/ newsbot/prod/",
			"newsbot/p":          "newsbot/prod/",
			"newsbot/prod/db/":   "newsbot/prod/db/password newsbot/prod/db/user",
			"newsbot/prod/db/pa": "newsbot/prod/db/password",
			"nosuch/":            "",
		} {
			got := v.must("", "__complete", "get", typed)
			names, _, _ := strings.Cut(got, ":")
			is.Equal(strings.Join(strings.Fields(names), " "), want) // typed
		}
	})
}

// TestShellsComplete runs the completion script of each shell in that shell.
func TestShellsComplete(t *testing.T) {
	for shell, script := range map[string]string{
		// complete -p finds the function of the script, which gets a command line.
		"bash": `_get_comp_words_by_ref() { words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur=${COMP_WORDS[COMP_CWORD]}; prev=${COMP_WORDS[COMP_CWORD-1]}; }
__ltrim_colon_completions() { :; }
source ./script; COMP_WORDS=(myvault get newsbot/); COMP_CWORD=2; COMP_LINE="myvault get newsbot/"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=63
__start_myvault; printf '%s\n' "${COMPREPLY[@]}"`,
		"fish": `source ./script; complete --do-complete "myvault get newsbot/"`,
		"zsh":  `autoload -U compinit; compinit -u -d ./dump; _describe() { eval 'print -l -- "${'$3'[@]:-${'$4'[@]}}"'; print -l -- $completions }; source ./script; words=(myvault get newsbot/); CURRENT=3; _myvault; exit 0`,
	} {
		t.Run(shell, func(t *testing.T) {
			path := require(t, shell)
			is := is.New(t)
			v := newVault(t)
			v.must("x", "put", "newsbot/prod/db")
			v.must("x", "put", "newsbot/dev/db")
			v.write("script", v.must("", "completion", shell))
			cmd := exec.Command(path, "-c", script)
			cmd.Dir = v.dir
			cmd.Env = append(v.environ, "PATH="+filepath.Dir(binary)+":"+v.environ[0][len("PATH="):])
			r := finish(t, cmd, "")
			for _, want := range []string{"newsbot/dev/", "newsbot/prod/"} {
				if !strings.Contains(r.stdout, want) {
					t.Errorf("no %s in %q %q", want, r.stdout, r.stderr)
				}
			}
			is.True(!strings.Contains(r.stderr, "myvault:"))
		})
	}
}
