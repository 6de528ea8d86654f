package terminal_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/cmd/myvault/internal/terminal"
)

func ExampleQuote() {
	fmt.Println(terminal.Quote("héllo\x1b[2J\r\n"))
	// Output: héllo\x1b[2J\r\n
}

// TestWriterQuotes divides texts at every position.
func TestWriterQuotes(t *testing.T) {
	is := is.New(t)
	for text, want := range map[string]string{
		"a\tb\r\nc\n":             "a\tb\r\nc\n",
		"\x1b]0;title\a\n":        "\\x1b]0;title\\a\n",
		"hidden\rshown\n":         "hidden\\rshown\n",
		"end\r":                   "end\\r",
		"日本 \\ é\n":               "日本 \\ é\n",
		"\u202ereversed\u009b1m":  "\\u202ereversed\\u009b1m",
		"\xff\xe6\x97\n\xe6\x97":  "\\xff\\xe6\\x97\n\\xe6\\x97",
		"\ufffd is printable\x7f": "\ufffd is printable\\x7f",
	} {
		for at := range len(text) + 1 {
			var out bytes.Buffer
			w := terminal.NewWriter(&out)
			for _, part := range []string{text[:at], text[at:]} {
				n, err := w.Write([]byte(part))
				is.NoErr(err)
				is.Equal(n, len(part))
			}
			is.NoErr(w.Close())
			is.Equal(out.String(), want)
		}
	}
}
