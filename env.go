package myvault

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault/internal/dotenv"
	"github.com/myswiftagent/myvault/internal/trusted"
)

// maxEnv is the size limit of a .env, in bytes.
const maxEnv = 1 << 20

// ReadEnv reads a .env: KEY=VALUE lines, blank lines, and # comments, also after a value if a
// blank precedes the #. A value in single or double quotes may span several lines. In double
// quotes \n, \r, \t, \\, \" and \$ are escapes and any other backslash is refused. Nothing is
// expanded. Keys may contain hyphens and dots. "export " before a key and CRLF are accepted. A key
// given twice is an error. The error is ErrInvalid and names the line and key of everything that
// is wrong, never the text.
func ReadEnv(r io.Reader) (map[string]string, error) {
	return readEnv(r, func(string, string) string { return "" })
}

// readEnv is ReadEnv with a check that returns what is wrong with an entry.
func readEnv(r io.Reader, check func(key, value string) string) (map[string]string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxEnv+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxEnv {
		return nil, fmt.Errorf("%w .env: larger than %d bytes", ErrInvalid, maxEnv)
	}
	settings := make(map[string]string)
	var wrong []error
	for _, e := range dotenv.Parse(string(text)) {
		problem := e.Problem
		_, twice := settings[e.Key]
		switch {
		case problem != "" && e.Key != "":
			problem = nameKey(e.Key) + ": " + problem
		case problem != "":
		case twice:
			problem = nameKey(e.Key) + " is given twice"
		default:
			problem = check(e.Key, e.Value)
		}
		if problem != "" {
			wrong = append(wrong, fmt.Errorf("%w .env: line %d: %s", ErrInvalid, e.Line, problem))
			continue
		}
		settings[e.Key] = e.Value
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return settings, nil
}

// ReadEnvFile reads a .env from a file, as [ReadEnv] does. It accepts the keys of the policy and
// those in known. Any other key is ErrInvalid, because it is probably misspelled and would have no
// effect.
//
// On Unix the file is also ErrInvalid if a user other than root and that of the process can change
// it, a directory above it or a symbolic link to it. A pipe is read to its end, which may block.
func ReadEnvFile(path string, known ...string) (map[string]string, error) {
	f, err := trusted.Open(path, trusted.Anyone)
	if errors.Is(err, trusted.ErrUntrusted) {
		return nil, fmt.Errorf("%w .env: it decides the policy, and it is %w", ErrInvalid, err)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	settings, err := readEnv(f, func(key, value string) string {
		switch {
		case !ofPolicy(key) && !slices.Contains(known, key):
			return nameKey(key) + " is not known; it would have no effect"
		case dotenv.LineProblem(value) != "" || !ofPolicy(key) && strings.Contains(value, "\t"):
			return nameKey(key) + " has a line break or a tab, which no setting has; in single quotes a backslash is plain"
		}
		return ""
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return settings, nil
}

// nameKey returns the name of a key in an error. A key that does not look like a setting may be a
// part of a secret that was broken over two lines, so it is not repeated.
func nameKey(key string) string {
	setting := key
	if family, service, found := cutFamily(key); found && ValidateService(service) == nil {
		setting = family
	}
	if len(setting) > 40 || strings.ContainsFunc(setting, func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') }) {
		return "a key that does not look like a setting"
	}
	return key
}

func ofPolicy(key string) bool {
	_, _, found := cutFamily(key)
	return found || key == allowedServices
}
