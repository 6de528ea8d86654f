package themes

import (
	"fmt"
	"os"
	"strings"
)

// The markers stand on lines of their own; what is between them is the report.
const (
	begin = "<!-- benchmarks -->\n"
	end   = "<!-- /benchmarks -->\n"
)

// Write puts the report between the markers of a Markdown file, in place of what stands there.
func (r *Report) Write(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, rest, found := strings.Cut(string(text), begin)
	_, tail, ended := strings.Cut(rest, end)
	if !found || !ended {
		return fmt.Errorf("themes: the file lacks the line %q or, after it, %q", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return os.WriteFile(file, []byte(head+begin+r.Markdown()+end+tail), 0o644)
}
