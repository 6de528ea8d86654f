package scenarios

import (
	"fmt"
	"slices"
	"strings"

	"github.com/myswiftagent/myvault/bench/measure"
)

// Report is the result of a run.
type Report struct {
	Machine string // a Markdown list of the machine, the options and the compared stores
	Tables  []Table
}

// Markdown returns the report: the machine, the goals, and the tables.
func (r *Report) Markdown() string {
	var b strings.Builder
	b.WriteString(r.Machine)
	b.WriteString(r.goals())
	for _, t := range r.Tables {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", t.Title, wrap(t.Note, ""))
		b.WriteString(t.markdown())
	}
	return b.String()
}

// goals lists the rows that have a goal.
func (r *Report) goals() string {
	var lines strings.Builder
	total, met := 0, 0
	for _, t := range r.Tables {
		for _, row := range t.Rows {
			verdict := t.verdict(row)
			if verdict == "" {
				continue
			}
			total++
			if !strings.HasPrefix(verdict, "**") {
				met++
			}
			got := row.Unit(row.Figure.Median())
			if row.Goal.ratio {
				got = ratio(row.Ratio.Median())
			}
			fmt.Fprintf(&lines, "| %s: %s%s | %s | %s | %s |\n", t.Title, row.What, withSecrets(row.Secrets), row.Goal.Text, got, verdict)
		}
	}
	return fmt.Sprintf("\n## Goals\n\n%d of %d are met.\n\n| row | goal | median | |\n| --- | --- | --- | --- |\n%s", met, total, &lines)
}

func (t Table) markdown() string {
	var b strings.Builder
	b.WriteString("\n| row | secrets | median | spread | ratio to | median | spread | goal | |\n")
	b.WriteString("| --- | ---: | ---: | ---: | --- | ---: | ---: | --- | --- |\n")
	for _, r := range t.Rows {
		cells := []string{r.What, number(r.Secrets), r.Unit(r.Figure.Median()), spread(r.Figure, r.Unit), "", "", "", r.Goal.Text, t.verdict(r)}
		if r.Against != "" {
			cells[4], cells[5], cells[6] = r.Against, ratio(r.Ratio.Median()), spread(r.Ratio, ratio)
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.String()
}

// spread formats the smallest and the largest sample.
func spread(s measure.Samples, unit Unit) string {
	if len(s) < 2 {
		return ""
	}
	return unit(slices.Min(s)) + " .. " + unit(slices.Max(s))
}

// wrap breaks text into lines of at most 100 columns. It indents all lines but the first.
func wrap(text, indent string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case column+1+len(word) > 100:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// ratio formats a ratio.
func ratio(x float64) string { return threeDigits(x) + "x" }

// withSecrets returns ", n secrets", or nothing for 0.
func withSecrets(secrets int) string {
	if secrets == 0 {
		return ""
	}
	return ", " + number(secrets) + " secrets"
}

// number formats n with a comma between thousands, and 0 as nothing.
func number(n int) string {
	switch {
	case n == 0:
		return ""
	case n < 1000:
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", number(n/1000), n%1000)
}
