package scenarios

import (
	"fmt"
	"math"

	"github.com/myswiftagent/myvault/bench/measure"
)

// Table is one table of a scenario.
type Table struct {
	Scenario string // as -rows names it
	Title    string
	Note     string
	Rows     []Row
}

// Row is one figure of one candidate. It may have a ratio to another candidate's, and a goal.
type Row struct {
	What    string
	Secrets int // in the store; 0 if not applicable
	Unit    Unit
	Figure  measure.Samples
	Against string // the denominator of Ratio; empty: there is no ratio
	Ratio   measure.Samples
	Goal    Goal
}

// Goal is a limit for the median of a row. The zero Goal is no goal.
type Goal struct {
	Text  string // in words
	limit float64
	least bool // the limit is a minimum, not a maximum
	ratio bool // the limit applies to the ratio, not to the figure
	// group is shared by the goals of a table of which one must be met.
	group string
}

// RatioAtMost is the goal of a ratio of at most limit. text describes it.
func RatioAtMost(limit float64, text string) Goal {
	return Goal{Text: text, limit: limit, ratio: true}
}

// RatioAtLeast is the goal of a ratio of at least limit.
func RatioAtLeast(limit float64, text string) Goal {
	return Goal{Text: text, limit: limit, ratio: true, least: true}
}

// FigureAtMost is the goal of a figure of at most limit, in the unit of the figure.
func FigureAtMost(limit float64, text string) Goal {
	return Goal{Text: text, limit: limit}
}

// FigureAtLeast is the goal of a figure of at least limit.
func FigureAtLeast(limit float64, text string) Goal {
	return Goal{Text: text, limit: limit, least: true}
}

// OneOf adds the goal to a group. One goal of a group is enough.
func (r Goal) OneOf(name string) Goal {
	r.group = name
	return r
}

// Met reports whether the row meets its goal.
func (r Row) Met() bool {
	median := r.Figure.Median()
	if r.Goal.ratio {
		median = r.Ratio.Median()
	}
	if r.Goal.least {
		return median >= r.Goal.limit
	}
	return median <= r.Goal.limit
}

// verdict returns the last column of the row.
func (t Table) verdict(r Row) string {
	switch {
	case r.Goal.Text == "":
		return ""
	case r.Met():
		return "met"
	}
	for _, other := range t.Rows {
		if r.Goal.group != "" && other.Goal.group == r.Goal.group && other.Met() {
			return "not met; its alternative is"
		}
	}
	return "**not met**"
}

// Unit formats a figure.
type Unit func(float64) string

// seconds formats a time.
func seconds(s float64) string {
	switch {
	case math.IsNaN(s):
		return "-"
	case s < 1e-6:
		return fmt.Sprintf("%.0f ns", s*1e9)
	case s < 1e-3:
		return fmt.Sprintf("%s us", threeDigits(s*1e6))
	case s < 1:
		return fmt.Sprintf("%s ms", threeDigits(s*1e3))
	}
	return fmt.Sprintf("%s s", threeDigits(s))
}

// perSecond formats a rate.
func perSecond(n float64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.2f M/s", n/1e6)
	case n >= 1e4:
		return fmt.Sprintf("%.0f k/s", n/1e3)
	case n >= 1e3:
		return fmt.Sprintf("%.1f k/s", n/1e3)
	}
	return threeDigits(n) + " /s"
}

// size formats a number of bytes.
func size(n float64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", n/(1<<20))
	case n >= 10<<10:
		return fmt.Sprintf("%.0f KiB", n/(1<<10))
	}
	return fmt.Sprintf("%.0f B", n)
}

// plain formats a number without a unit.
func plain(n float64) string { return threeDigits(n) }

// threeDigits formats n with about three significant digits.
func threeDigits(n float64) string {
	switch {
	case math.Abs(n) >= 100:
		return fmt.Sprintf("%.0f", n)
	case math.Abs(n) >= 10:
		return fmt.Sprintf("%.1f", n)
	case math.Abs(n) < 0.1 && n != 0:
		return fmt.Sprintf("%.2g", n)
	}
	return fmt.Sprintf("%.2f", n)
}
