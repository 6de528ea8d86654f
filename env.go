package myvault

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/myswiftagent/myvault/internal/trusted"
)

// maxEnv is the size limit of a .env, in bytes.
const maxEnv = 1 << 20

// ReadEnv reads a .env: KEY=VALUE lines, blank lines, and # comments, after a value too
// where a blank stands before the #. A value may stand in single or double quotes;
// nothing in it is expanded, and a backslash in double quotes is refused. Keys may hold
// hyphens, "export " before a key and CRLF are accepted, a key given twice is an error.
// All errors are reported at once, as ErrInvalid with line and key, never with the text.
func ReadEnv(r io.Reader) (map[string]string, error) {
	return readEnv(r, func(string) bool { return true })
}

// readEnv is ReadEnv for keys of which some are not known.
func readEnv(r io.Reader, known func(key string) bool) (map[string]string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxEnv+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxEnv {
		return nil, fmt.Errorf("%w .env: larger than %d bytes", ErrInvalid, maxEnv)
	}
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	settings := make(map[string]string)
	var wrong []error
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		key, value, reason := readEnvLine(strings.TrimRight(line, "\r\n"))
		_, twice := settings[key]
		switch {
		case reason != "" || key == "":
		case twice:
			reason = nameKey(key) + " is given twice"
		case !known(key):
			reason = nameKey(key) + " is not known; it would do nothing"
		default:
			settings[key] = value
		}
		if reason != "" {
			wrong = append(wrong, fmt.Errorf("%w .env: line %d: %s", ErrInvalid, number, reason))
		}
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	return settings, nil
}

// ReadEnvFile reads a .env from a file, as [ReadEnv] does. Besides the keys of the policy it may
// hold those in known; any other is ErrInvalid, because it would silently do nothing: most
// often it is a typing error. On Unix, so is a file that another user than root and that of the process
// can change, or whose directories or symbolic links one can change. A pipe is read to its
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
	settings, err := readEnv(f, func(key string) bool { return ofPolicy(key) || slices.Contains(known, key) })
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return settings, nil
}

// readEnvLine gives no key for a blank line or a comment, and a reason where the line is wrong.
func readEnvLine(line string) (key, value, reason string) {
	line = strings.Trim(line, " \t")
	switch {
	case line == "" || line[0] == '#':
		return "", "", ""
	case !utf8.ValidString(line):
		return "", "", "not valid UTF-8"
	case strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7F }):
		return "", "", "holds a control character"
	}
	key, value, found := strings.Cut(line, "=")
	if !found {
		return "", "", "want KEY=VALUE"
	}
	key = strings.Trim(strings.TrimPrefix(key, "export "), " \t")
	if !validKey(key) {
		return "", "", "a key is letters, digits, _ and -, and does not start with a digit"
	}
	value, reason = readEnvValue(strings.Trim(value, " \t"))
	if reason != "" {
		reason = nameKey(key) + ": " + reason
	}
	return key, value, reason
}

func readEnvValue(text string) (value, reason string) {
	if text == "" || text[0] != '\'' && text[0] != '"' {
		if strings.HasPrefix(text, "#") {
			return "", ""
		}
		for i := 1; i < len(text); i++ {
			if text[i] == '#' && (text[i-1] == ' ' || text[i-1] == '\t') {
				return strings.TrimRight(text[:i], " \t"), ""
			}
		}
		return text, ""
	}
	value, rest, found := strings.Cut(text[1:], text[:1])
	rest = strings.TrimLeft(rest, " \t")
	switch {
	case !found:
		return "", "the quote is not closed on this line"
	case rest != "" && rest[0] != '#':
		return "", "text follows the closing quote"
	case text[0] == '"' && strings.Contains(value, `\`):
		return "", "a backslash in double quotes means different things to different readers; use single quotes"
	}
	return value, ""
}

func validKey(key string) bool {
	return key != "" && (key[0] < '0' || key[0] > '9') && key[0] != '-' && wordy(key)
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
// matter; of all other settings process wins.
func MergeEnv(file, process map[string]string) map[string]string {
	merged := maps.Clone(file)
	if merged == nil {
		merged = make(map[string]string)
	}
	for key, value := range process {
		if !ofPolicy(key) {
			merged[key] = value
		}
	}
	return merged
}

func ofPolicy(key string) bool {
	_, _, found := cutFamily(key)
	return found || key == allowedServices
}
