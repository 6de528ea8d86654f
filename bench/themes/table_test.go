package themes_test

import (
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault/bench/measure"
	"github.com/myswiftagent/myvault/bench/themes"
)

// TestMarkdownOfATable: median and spread of figures and of ratios, numbers in thousands.
func TestMarkdownOfATable(t *testing.T) {
	is := is.New(t)
	plain := func(x float64) string { return strings.Repeat("i", int(x)) }
	report := &themes.Report{Tables: []themes.Table{{Title: "Doing", Note: "A note.", Rows: []themes.Row{
		{What: "it", Secrets: 1_000_000, Unit: plain, Figure: measure.Samples{3, 1, 2}},
		{What: "the other", Secrets: 999, Unit: plain, Figure: measure.Samples{1}, Against: "it", Ratio: measure.Samples{0.0026, 250, 10}},
	}}}}
	text := report.Markdown()
	is.True(strings.Contains(text, "0 of 0 are."))
	is.True(strings.Contains(text, "\n## Doing\n\nA note.\n\n| what |"))
	is.True(strings.Contains(text, "\n| it | 1,000,000 | ii | i .. iii |  |  |  |  |  |\n"))
	is.True(strings.Contains(text, "\n| the other | 999 | i |  | it | 10.0x | 0.0026x .. 250x |  |  |\n"))
}

func TestVerdicts(t *testing.T) {
	plain := func(float64) string { return "" }
	row := func(reach themes.Reach, figure, ratio float64) themes.Row {
		return themes.Row{Unit: plain, Figure: measure.Samples{figure}, Against: "it", Ratio: measure.Samples{ratio}, Reach: reach}
	}
	for _, c := range []struct {
		name string
		rows []themes.Row
		want []string // in the last column
	}{
		{"nothing is asked", []themes.Row{row(themes.Reach{}, 1, 1)}, []string{""}},
		{"a ratio at most", []themes.Row{row(themes.RatioAtMost(4, "g"), 9, 4), row(themes.RatioAtMost(4, "g"), 1, 4.1)}, []string{"reached", "**not reached**"}},
		{"a ratio at least", []themes.Row{row(themes.RatioAtLeast(4, "g"), 1, 4), row(themes.RatioAtLeast(4, "g"), 9, 3.9)}, []string{"reached", "**not reached**"}},
		{"a figure at most", []themes.Row{row(themes.FigureAtMost(4, "g"), 4, 9), row(themes.FigureAtMost(4, "g"), 4.1, 1)}, []string{"reached", "**not reached**"}},
		{"a figure at least", []themes.Row{row(themes.FigureAtLeast(4, "g"), 4, 1), row(themes.FigureAtLeast(4, "g"), 3.9, 9)}, []string{"reached", "**not reached**"}},
		{"one of two", []themes.Row{row(themes.RatioAtLeast(20, "g").OrElse("64"), 1, 11), row(themes.RatioAtLeast(0.5, "g").OrElse("64"), 1, 0.6)},
			[]string{"not reached; the other way is", "reached"}},
		{"one of two others", []themes.Row{row(themes.RatioAtLeast(20, "g").OrElse("64"), 1, 11), row(themes.RatioAtLeast(0.5, "g").OrElse("256"), 1, 0.6)},
			[]string{"**not reached**", "reached"}},
		{"neither of two", []themes.Row{row(themes.RatioAtLeast(20, "g").OrElse("64"), 1, 11), row(themes.RatioAtLeast(0.5, "g").OrElse("64"), 1, 0.4)},
			[]string{"**not reached**", "**not reached**"}},
		{"nothing was measured", []themes.Row{{Unit: plain, Reach: themes.FigureAtMost(4, "g")}}, []string{"**not reached**"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			is := is.New(t)
			report := &themes.Report{Tables: []themes.Table{{Title: "Doing", Rows: c.rows}}}
			_, table, found := strings.Cut(report.Markdown(), "## Doing")
			is.True(found)
			var got []string
			for line := range strings.Lines(table) {
				if cells := strings.Split(strings.TrimSpace(line), " | "); len(cells) == 9 && !strings.Contains(line, "---") && !strings.Contains(line, "what") {
					got = append(got, strings.TrimSpace(strings.TrimSuffix(cells[8], "|")))
				}
			}
			is.Equal(got, c.want)
		})
	}
}
