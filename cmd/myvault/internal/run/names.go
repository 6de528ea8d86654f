// Package run starts a program with secrets in its environment.
package run

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault"
)

// Variable is a secret as an environment variable.
type Variable struct {
	Name  string
	Path  string // of the secret, below the prefix
	Value myvault.Value
}

// maxVariable is the size limit of "NAME=value" on Linux, with its final NUL (MAX_ARG_STRLEN).
const maxVariable = 128 << 10

// Name returns the environment variable of a path: letters in upper case, and every other
// character but a digit as "_". A name that would begin with a digit gets "_" before it. It
// returns "" for a path with other letters than ASCII, which needs --map.
func Name(path string) string {
	var name strings.Builder
	for i, c := range []byte(path) {
		switch {
		case c >= 0x80:
			return ""
		case c >= 'a' && c <= 'z':
			c -= 'a' - 'A'
		case c >= '0' && c <= '9':
			if i == 0 {
				name.WriteByte('_')
			}
		case c < 'A' || c > 'Z':
			c = '_'
		}
		name.WriteByte(c)
	}
	return name.String()
}

// Variables names the secrets, by their path below the prefix. Named has the names of paths that
// do not follow the rule of [Name]. It returns an error that lists all collisions and all values
// that no variable can have.
func Variables(secrets map[string]myvault.Value, named map[string]string) ([]Variable, error) {
	var all []Variable
	var problems []string
	owner := make(map[string]string)
	for _, path := range slices.Sorted(maps.Keys(secrets)) {
		name, chosen := named[path]
		if !chosen {
			name = Name(path)
		}
		v := Variable{Name: name, Path: path, Value: secrets[path]}
		if problem := v.problem(chosen); problem != "" {
			problems = append(problems, path+": "+problem)
			continue
		}
		if other, taken := owner[name]; taken {
			problems = append(problems, fmt.Sprintf("%s and %s are both %s: name one with --map %s=NAME", other, path, name, path))
			continue
		}
		owner[name] = path
		all = append(all, v)
	}
	for path := range named {
		if _, found := secrets[path]; !found {
			problems = append(problems, path+": --map names a secret that is not below the prefix")
		}
	}
	if len(problems) > 0 {
		slices.Sort(problems)
		return nil, fmt.Errorf("the program was not started:\n  %s", strings.Join(problems, "\n  "))
	}
	return all, nil
}

// problem returns why v cannot be a variable, or "".
func (v Variable) problem(chosen bool) string {
	switch {
	case v.Name == "":
		return "no name by the rule: name it with --map " + v.Path + "=NAME"
	case !chosen && changesPrograms(v.Name):
		return Reserved(v.Name, v.Path)
	case strings.ContainsRune(v.Value.Reveal(), 0):
		return "the value contains a NUL byte, which no variable can"
	case len(v.Name)+v.Value.Len()+2 > maxVariable:
		return "the value is too large for a variable; read it with myvault get"
	}
	return ""
}

// Reserved returns why a secret at path needs --map to be a variable of that name, or "".
func Reserved(name, path string) string {
	if !changesPrograms(name) {
		return ""
	}
	return fmt.Sprintf("%s changes how programs run: name it with --map %s=NAME", name, path)
}

// changesPrograms reports whether shells, loaders or interpreters act on a variable. Someone who
// may only write secrets must not choose what the program runs.
func changesPrograms(name string) bool {
	name = strings.ToUpper(name)
	for _, prefix := range []string{"LD_", "DYLD_", "MYVAULT_", "MSA_", "VAULT_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return slices.Contains([]string{
		"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "DOTNET_STARTUP_HOOKS",
		"GIT_SSH_COMMAND", "NODE_PATH", "PYTHONHOME", "CLASSPATH", "GCONV_PATH", "ZDOTDIR", "OPENSSL_CONF",
		"PATH", "IFS", "ENV", "BASH_ENV", "SHELLOPTS", "PROMPT_COMMAND", "HOME", "SHELL", "TMPDIR", "NODE_OPTIONS",
		"PYTHONPATH", "PYTHONSTARTUP", "PERL5LIB", "PERL5OPT", "RUBYOPT", "RUBYLIB", "JAVA_TOOL_OPTIONS", "GODEBUG",
	}, name)
}

// withheld are variables of the vault that the program must not get: they open more than its
// secrets.
var withheld = []string{"MYVAULT_TOKEN", "MSA_MASTER_KEY"}

// Environ returns the environment of the program: that of this process without the credentials of
// the vault and those in without, and the variables, which override it.
func Environ(environ []string, variables []Variable, without ...string) []string {
	override := slices.Concat(withheld, without)
	for _, v := range variables {
		override = append(override, v.Name)
	}
	kept := slices.DeleteFunc(slices.Clone(environ), func(item string) bool {
		name, _, _ := strings.Cut(item, "=")
		return slices.Contains(override, name)
	})
	for _, v := range variables {
		kept = append(kept, v.Name+"="+v.Value.Reveal())
	}
	return kept
}
