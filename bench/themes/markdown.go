package themes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault/bench/measure"
)

// Report is what a run measured, on what.
type Report struct {
	Machine string // Markdown: a list of what it ran on, and how
	Tables  []Table
}

// Markdown writes the report: the machine, what is reached, and a table for each theme.
func (r *Report) Markdown() string {
	var b strings.Builder
	b.WriteString(r.Machine)
	b.WriteString(r.goals())
	for _, t := range r.Tables {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", t.Title, t.Note)
		b.WriteString(t.markdown())
	}
	return b.String()
}

// goals lists the rows that have something to reach.
func (r *Report) goals() string {
	var lines strings.Builder
	asked, reached := 0, 0
	for _, t := range r.Tables {
		for _, row := range t.Rows {
			verdict := t.verdict(row)
			if verdict == "" {
				continue
			}
			asked++
			if !strings.HasPrefix(verdict, "**") {
				reached++
			}
			got := row.Unit(row.Figure.Median())
			if row.Reach.ratio {
				got = times(row.Ratio.Median())
			}
			fmt.Fprintf(&lines, "| %s: %s%s | %s | %s | %s |\n", t.Title, row.What, of(row.Secrets), row.Reach.Goal, got, verdict)
		}
	}
	return fmt.Sprintf("\n## What is to be reached\n\n%d of %d are.\n\n| what | reach | median | |\n| --- | --- | --- | --- |\n%s", reached, asked, &lines)
}

func (t Table) markdown() string {
	var b strings.Builder
	b.WriteString("\n| what | secrets | median | spread | ratio to | median | spread | reach | |\n")
	b.WriteString("| --- | ---: | ---: | ---: | --- | ---: | ---: | --- | --- |\n")
	for _, r := range t.Rows {
		cells := []string{r.What, number(r.Secrets), r.Unit(r.Figure.Median()), spread(r.Figure, r.Unit), "", "", "", r.Reach.Goal, t.verdict(r)}
		if r.Against != "" {
			cells[4], cells[5], cells[6] = r.Against, times(r.Ratio.Median()), spread(r.Ratio, times)
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.String()
}

// spread writes the least and the largest.
func spread(s measure.Samples, unit Unit) string {
	if len(s) < 2 {
		return ""
	}
	return unit(slices.Min(s)) + " .. " + unit(slices.Max(s))
}

// times writes a ratio.
func times(x float64) string { return short(x) + "x" }

// of names a number of secrets.
func of(secrets int) string {
	if secrets == 0 {
		return ""
	}
	return ", " + number(secrets) + " secrets"
}

// number groups the digits by thousands.
func number(n int) string {
	switch {
	case n == 0:
		return ""
	case n < 1000:
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", number(n/1000), n%1000)
}
