// Package terminal prints text of others on a terminal. Control characters in a name or a value
// could otherwise hide text, or make the terminal act.
package terminal

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Quote returns s with each character that is not printable as an escape of Go, such as \x1b or
// \n. Other characters, backslashes included, stay the same.
func Quote(s string) string {
	var quoted strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		if strconv.IsPrint(r) && (r != utf8.RuneError || size > 1) {
			quoted.WriteString(s[:size])
		} else {
			escaped := strconv.Quote(s[:size])
			quoted.WriteString(escaped[1 : len(escaped)-1])
		}
		s = s[size:]
	}
	return quoted.String()
}

// Writer writes text to a terminal with each line as by Quote. Tabs stay the same.
type Writer struct {
	out     io.Writer
	pending []byte // the start of a character or of a line break
}

// NewWriter returns a Writer. Close it after the last write.
func NewWriter(out io.Writer) *Writer { return &Writer{out: out} }

// Write writes text, but for a character at its end that is not complete.
func (w *Writer) Write(text []byte) (int, error) {
	all := append(w.pending, text...)
	end := complete(all)
	w.pending = bytes.Clone(all[end:])
	return len(text), w.quote(string(all[:end]))
}

// Close writes what is left. It does not close the terminal.
func (w *Writer) Close() error {
	rest := string(w.pending)
	w.pending = nil
	return w.quote(rest)
}

// complete returns the length of text without a carriage return or a part of a character at its
// end.
func complete(text []byte) int {
	if bytes.HasSuffix(text, []byte("\r")) {
		return len(text) - 1
	}
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if start := len(text) - n; utf8.RuneStart(text[start]) {
			if utf8.FullRune(text[start:]) {
				break
			}
			return start
		}
	}
	return len(text)
}

// quote writes lines. Their breaks and tabs stay the same.
func (w *Writer) quote(text string) error {
	var quoted strings.Builder
	for line := range strings.Lines(text) {
		content, lineBreak := line, ""
		for _, each := range []string{"\r\n", "\n"} {
			if before, found := strings.CutSuffix(line, each); found {
				content, lineBreak = before, each
				break
			}
		}
		cells := strings.Split(content, "\t")
		for i := range cells {
			cells[i] = Quote(cells[i])
		}
		quoted.WriteString(strings.Join(cells, "\t") + lineBreak)
	}
	if quoted.Len() == 0 {
		return nil
	}
	_, err := io.WriteString(w.out, quoted.String())
	return err
}
