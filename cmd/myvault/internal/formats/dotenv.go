package formats

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/myswiftagent/myvault/internal/dotenv"
)

func decodeDotenv(data []byte) (entries []Entry, problems []Problem, err error) {
	for _, e := range dotenv.Parse(string(data)) {
		if e.Problem != "" {
			problems = append(problems, Problem{where(e), e.Problem})
			continue
		}
		entries = append(entries, Entry{e.Key, []byte(e.Value)})
	}
	return entries, problems, nil
}

func where(e dotenv.Entry) string {
	if e.Key == "" {
		return fmt.Sprintf("line %d", e.Line)
	}
	return fmt.Sprintf("line %d, %s", e.Line, e.Key)
}

// escapes are the escapes that package dotenv reads in double quotes.
var escapes = strings.NewReplacer("\\", `\\`, "\"", `\"`, "$", `\$`, "\n", `\n`, "\r", `\r`, "\t", `\t`)

func encodeDotenv(entries []Entry, o Options) ([]byte, []Problem, error) {
	entries, problems := named(entries, o, func(value []byte) string {
		if !isText(value) {
			return "the value has bytes that a .env file cannot have"
		}
		if bytes.IndexByte(value, '`') >= 0 && bytes.ContainsAny(value, "'\r") {
			return "the value has a backtick beside a single quote or a carriage return, which a .env file cannot have"
		}
		return ""
	})
	var out bytes.Buffer
	for _, e := range entries {
		if bytes.IndexByte(e.Value, '`') >= 0 { // a shell would run it in double quotes
			fmt.Fprintf(&out, "%s='%s'\n", e.Path, e.Value)
			continue
		}
		fmt.Fprintf(&out, "%s=\"%s\"\n", e.Path, escapes.Replace(string(e.Value)))
	}
	return out.Bytes(), problems, nil
}

// isText reports whether a value is UTF-8 without control characters other than line breaks and
// tabs.
func isText(value []byte) bool {
	return utf8.Valid(value) && !bytes.ContainsFunc(value, func(r rune) bool {
		return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7F
	})
}

func encodeShell(entries []Entry, o Options) ([]byte, []Problem, error) {
	entries, problems := named(entries, o, func(value []byte) string {
		if bytes.IndexByte(value, 0) >= 0 {
			return "the value contains a NUL byte, which no variable can"
		}
		return ""
	})
	var out bytes.Buffer
	for _, e := range entries {
		fmt.Fprintf(&out, "export %s='%s'\n", e.Path, strings.ReplaceAll(string(e.Value), "'", `'\''`))
	}
	return out.Bytes(), problems, nil
}
