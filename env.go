package myvault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault/internal/trusted"
)

// maxEnv is the size limit of a .env, in bytes.
const maxEnv = 1 << 20

// ReadEnv reads a .env: KEY=VALUE lines, blank lines, and # comments, after a value too if a blank
// precedes the #. A value in single or double quotes may span several lines; in double quotes \n,
// \r, \t, \\, \" and \$ are escapes and any other backslash is refused. Nothing is expanded. Keys
// may hold hyphens and dots, "export " before a key and CRLF are accepted, a key given twice is an
// error. The console reads a pasted .env the same way; testdata/dotenv.json has the cases. All
// errors are reported at once, as ErrInvalid with line and key, never with the text.
func ReadEnv(r io.Reader) (map[string]string, error) {
	return readEnv(r, func(string, string) string { return "" })
}

// readEnv is ReadEnv with a check that returns what is wrong with an entry, besides its form.
func readEnv(r io.Reader, check func(key, value string) string) (map[string]string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxEnv+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxEnv {
		return nil, fmt.Errorf("%w .env: larger than %d bytes", ErrInvalid, maxEnv)
	}
	lines := strings.Split(string(bytes.TrimPrefix(text, []byte("\uFEFF"))), "\n")
	for n := range lines {
		lines[n] = strings.TrimRight(lines[n], "\r")
	}
	settings := make(map[string]string)
	var wrong []error
	for n := 0; n < len(lines); {
		key, value, taken, reason := readEnvEntry(lines[n:])
		n += taken
		_, twice := settings[key]
		switch {
		case reason != "" || key == "":
		case twice:
			reason = nameKey(key) + " is given twice"
		default:
			if reason = check(key, value); reason == "" {
				settings[key] = value
			}
		}
		if reason != "" {
			wrong = append(wrong, fmt.Errorf("%w .env: line %d: %s", ErrInvalid, n-taken+1, reason))
		}
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return settings, nil
}

// ReadEnvFile reads a .env from a file, as [ReadEnv] does. Besides the keys of the policy it may
// hold those in known; any other is ErrInvalid, because it would silently do nothing: most often it
// is a typing error. On Unix, a file is ErrInvalid too if a user other than root and that of the
// process can change it, a directory above it or a symbolic link on the way. A pipe is read to its
// end, for which it may wait: who reads a policy anew looks before whether it is a regular file.
func ReadEnvFile(path string, known ...string) (map[string]string, error) {
	f, err := trusted.Open(path, trusted.Anyone)
	if errors.Is(err, trusted.ErrUntrusted) {
		return nil, fmt.Errorf("%w .env: who changes it changes the policy, and it is %w", ErrInvalid, err)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	settings, err := readEnv(f, func(key, value string) string {
		switch {
		case !ofPolicy(key) && !slices.Contains(known, key):
			return nameKey(key) + " is not known; it would do nothing"
		case unfitLine(value) != "" || !ofPolicy(key) && strings.Contains(value, "\t"):
			return nameKey(key) + " has a line break or a tab, which no setting has; in single quotes a backslash is plain"
		}
		return ""
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return settings, nil
}

func validKey(key string) bool {
	return key != "" && (key[0] < '0' || key[0] > '9') && key[0] != '-' && key[0] != '.' && wordy(strings.ReplaceAll(key, ".", "_"))
}

// nameKey names a key in an error. A key that does not look like a setting may be a
// piece of a secret that was broken over two lines, so it is not repeated.
func nameKey(key string) string {
	setting := key
	if family, service, found := cutFamily(key); found && ValidateService(service) == nil {
		setting = family
	}
	if len(setting) > 40 || strings.ContainsFunc(setting, func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') }) {
		return "a key that looks like no setting"
	}
	return key
}

// MergeEnv gives the settings in force where a .env was loaded: the families that make
// the policy come from file alone, so that a stray TOKEN_GITHUB in the environment does not
// matter; of all other settings process wins. Empty settings are left out: one in process does not
// hide that of file.
func MergeEnv(file, process map[string]string) map[string]string {
	merged := make(map[string]string)
	maps.Copy(merged, file)
	for key, value := range process {
		if value != "" && !ofPolicy(key) {
			merged[key] = value
		}
	}
	maps.DeleteFunc(merged, func(_, value string) bool { return value == "" })
	return merged
}

func ofPolicy(key string) bool {
	_, _, found := cutFamily(key)
	return found || key == allowedServices
}
