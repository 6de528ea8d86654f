// Package formats reads and writes files of secrets: .env, JSON, YAML, the JSON of HashiCorp
// Vault's key-value engine, and Secrets of Kubernetes. It also writes shell scripts.
package formats

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Entry is a secret of a file.
type Entry struct {
	Path  string // in the folder
	Value []byte
}

// Problem is an entry that cannot be read or written. It contains no value.
type Problem struct {
	Where string // a path, a name or a line
	Why   string
}

// String returns one line.
func (p Problem) String() string { return p.Where + ": " + p.Why }

// Options are what a format needs besides the entries.
type Options struct {
	Name      string // of the Secret of Kubernetes
	Namespace string // of the Secret of Kubernetes; "": none
	// Variable returns the variable of a path, for .env files and shell scripts. "": none.
	Variable func(path string) string
	// Reserved returns why a secret must not have the name of a variable, or "". nil: it may.
	Reserved func(name, path string) string
}

// format reads and writes a kind of file.
type format struct {
	name   string
	decode func(data []byte) ([]Entry, []Problem, error) // nil: only written
	encode func(entries []Entry, o Options) ([]byte, []Problem, error)
}

var formats = []format{
	{"dotenv", decodeDotenv, encodeDotenv},
	{"json", decodeJSON, encodeJSON},
	{"yaml", decodeYAML, encodeYAML},
	{"vault", decodeVault, encodeVault},
	{"k8s", decodeKubernetes, encodeKubernetes},
	{"shell", nil, encodeShell},
}

// Names returns the formats that can be written, and those that can be read.
func Names() (written, read []string) {
	for _, f := range formats {
		written = append(written, f.name)
		if f.decode != nil {
			read = append(read, f.name)
		}
	}
	return written, read
}

// ErrFormat is wrapped by errors of names that are no format.
var ErrFormat = errors.New("unknown format")

// ByFile returns the format of a file by the end of its name, or "".
func ByFile(name string) string {
	switch {
	case strings.HasSuffix(name, ".json"):
		return "json"
	case strings.HasSuffix(name, ".yaml"), strings.HasSuffix(name, ".yml"):
		return "yaml"
	case strings.HasSuffix(name, ".env"):
		return "dotenv"
	}
	return ""
}

// Decode reads the entries of a file, in its order. Problems are the entries that it cannot read.
// The error is one of the whole file. Neither contains any part of a value.
func Decode(name string, data []byte) ([]Entry, []Problem, error) {
	for _, f := range formats {
		if f.name != name || f.decode == nil {
			continue
		}
		entries, problems, err := f.decode(data)
		if err != nil {
			return nil, nil, err
		}
		entries, more := withoutInvalid(entries)
		return entries, append(problems, more...), nil
	}
	_, read := Names()
	return nil, nil, fmt.Errorf("%w: want one of %s", ErrFormat, strings.Join(read, ", "))
}

// withoutInvalid returns the entries without empty values and paths that occur twice.
func withoutInvalid(entries []Entry) (valid []Entry, problems []Problem) {
	seen := make(map[string]bool)
	for _, e := range entries {
		switch {
		case len(e.Value) == 0:
			problems = append(problems, Problem{e.Path, "the value is empty, and a secret cannot be"})
		case seen[e.Path]:
			problems = append(problems, Problem{e.Path, "it occurs twice"})
		default:
			valid = append(valid, e)
		}
		seen[e.Path] = true
	}
	return valid, problems
}

// Encode writes entries in a format. It leaves out those that it cannot write, which are the
// problems.
func Encode(name string, entries []Entry, o Options) ([]byte, []Problem, error) {
	entries = slices.Clone(entries)
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Path, b.Path) })
	for _, f := range formats {
		if f.name == name {
			return f.encode(entries, o)
		}
	}
	written, _ := Names()
	return nil, nil, fmt.Errorf("%w: want one of %s", ErrFormat, strings.Join(written, ", "))
}

// named returns the variables of entries, without those that have none, or the one of another, or a
// value with a problem.
func named(entries []Entry, o Options, problem func(value []byte) string) (variables []Entry, problems []Problem) {
	owner := make(map[string]string)
	for _, e := range entries {
		name, why := o.Variable(e.Path), problem(e.Value)
		if why == "" && o.Reserved != nil {
			why = o.Reserved(name, e.Path)
		}
		switch other, taken := owner[name]; {
		case why != "":
			problems = append(problems, Problem{e.Path, why})
		case name == "":
			problems = append(problems, Problem{e.Path, "no name by the rule: name it with --map " + e.Path + "=NAME"})
		case taken:
			problems = append(problems, Problem{e.Path, fmt.Sprintf("%s is also the name of %s: name one with --map", name, other)})
		default:
			owner[name] = e.Path
			variables = append(variables, Entry{name, e.Value})
		}
	}
	return variables, problems
}
