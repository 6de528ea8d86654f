package scenarios

import (
	"fmt"
	"os"
	"strings"
)

// The report goes between these two lines of the page.
const (
	begin = "<!-- benchmarks -->\n"
	end   = "<!-- /benchmarks -->\n"
)

// Write replaces the text between the markers of a Markdown file with the report.
func (r *Report) Write(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, rest, found := strings.Cut(string(text), begin)
	_, tail, ended := strings.Cut(rest, end)
	if !found || !ended {
		return fmt.Errorf("scenarios: %s: no line %q followed by a line %q", file, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return os.WriteFile(file, []byte(head+begin+r.Markdown()+end+tail), 0o644)
}
