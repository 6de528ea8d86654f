package scenarios_test

import (
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/bench/measure"
	"github.com/myswiftagent/myvault/bench/scenarios"
)

// TestMarkdownOfATable covers median and spread of figures and ratios, and numbers of secrets.
func TestMarkdownOfATable(t *testing.T) {
	is := is.New(t)
	plain := func(x float64) string { return strings.Repeat("i", int(x)) }
	report := &scenarios.Report{Tables: []scenarios.Table{{Title: "Doing", Note: "A note of " + strings.Repeat("many ", 20) + "words.", Rows: []scenarios.Row{
		{What: "it", Secrets: 1_000_000, Unit: plain, Figure: measure.Samples{3, 1, 2}},
		{What: "the other", Secrets: 999, Unit: plain, Figure: measure.Samples{1}, Against: "it", Ratio: measure.Samples{0.0026, 250, 10}},
	}}}}
	text := report.Markdown()
	is.True(strings.Contains(text, "0 of 0 are met."))
	is.True(strings.Contains(text, "\n## Doing\n\nA note of many "))
	for line := range strings.Lines(text) {
		is.True(len(line) <= 101 || strings.HasPrefix(line, "|")) // wrapped at 100 columns
	}
	is.True(strings.Contains(text, "\n| it | 1,000,000 | ii | i .. iii |  |  |  |  |  |\n"))
	is.True(strings.Contains(text, "\n| the other | 999 | i |  | it | 10.0x | 0.0026x .. 250x |  |  |\n"))
}

func TestVerdicts(t *testing.T) {
	plain := func(float64) string { return "" }
	row := func(goal scenarios.Goal, figure, ratio float64) scenarios.Row {
		return scenarios.Row{Unit: plain, Figure: measure.Samples{figure}, Against: "it", Ratio: measure.Samples{ratio}, Goal: goal}
	}
	for _, c := range []struct {
		name string
		rows []scenarios.Row
		want []string // in the last column
	}{
		{"no goal", []scenarios.Row{row(scenarios.Goal{}, 1, 1)}, []string{""}},
		{"a ratio at most", []scenarios.Row{row(scenarios.RatioAtMost(4, "g"), 9, 4), row(scenarios.RatioAtMost(4, "g"), 1, 4.1)}, []string{"met", "**not met**"}},
		{"a ratio at least", []scenarios.Row{row(scenarios.RatioAtLeast(4, "g"), 1, 4), row(scenarios.RatioAtLeast(4, "g"), 9, 3.9)}, []string{"met", "**not met**"}},
		{"a figure at most", []scenarios.Row{row(scenarios.FigureAtMost(4, "g"), 4, 9), row(scenarios.FigureAtMost(4, "g"), 4.1, 1)}, []string{"met", "**not met**"}},
		{"a figure at least", []scenarios.Row{row(scenarios.FigureAtLeast(4, "g"), 4, 1), row(scenarios.FigureAtLeast(4, "g"), 3.9, 9)}, []string{"met", "**not met**"}},
		{"one of two", []scenarios.Row{row(scenarios.RatioAtLeast(20, "g").OneOf("64"), 1, 11), row(scenarios.RatioAtLeast(0.5, "g").OneOf("64"), 1, 0.6)},
			[]string{"not met; its alternative is", "met"}},
		{"goals of two groups", []scenarios.Row{row(scenarios.RatioAtLeast(20, "g").OneOf("64"), 1, 11), row(scenarios.RatioAtLeast(0.5, "g").OneOf("256"), 1, 0.6)},
			[]string{"**not met**", "met"}},
		{"neither of two", []scenarios.Row{row(scenarios.RatioAtLeast(20, "g").OneOf("64"), 1, 11), row(scenarios.RatioAtLeast(0.5, "g").OneOf("64"), 1, 0.4)},
			[]string{"**not met**", "**not met**"}},
		{"no figure", []scenarios.Row{{Unit: plain, Goal: scenarios.FigureAtMost(4, "g")}}, []string{"**not met**"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			is := is.New(t)
			report := &scenarios.Report{Tables: []scenarios.Table{{Title: "Doing", Rows: c.rows}}}
			_, table, found := strings.Cut(report.Markdown(), "## Doing")
			is.True(found)
			var got []string
			for line := range strings.Lines(table) {
				if cells := strings.Split(strings.TrimSpace(line), " | "); len(cells) == 9 && !strings.Contains(line, "---") && !strings.Contains(line, "| row |") {
					got = append(got, strings.TrimSpace(strings.TrimSuffix(cells[8], "|")))
				}
			}
			is.Equal(got, c.want)
		})
	}
}
