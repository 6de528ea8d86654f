package themes

import (
	"fmt"
	"math"

	"github.com/myswiftagent/myvault/bench/measure"
)

// Table is what one theme measured.
type Table struct {
	Theme string // as -rows names it
	Title string
	Note  string
	Rows  []Row
}

// Row is one figure of one contestant, with its ratio to another's and what is to be reached.
type Row struct {
	What    string
	Secrets int // that the store holds; 0 where that has no meaning
	Unit    Unit
	Figure  measure.Samples
	Against string // what Ratio is a ratio to; empty: there is none
	Ratio   measure.Samples
	Reach   Reach
}

// Reach is what a row is to reach, by its median. The zero Reach asks for nothing.
type Reach struct {
	Goal  string // in words
	limit float64
	least bool // at least the limit; else at most
	ratio bool // of the ratio; else of the figure
	// either names goals of which one is enough.
	either string
}

// RatioAtMost asks for a ratio of at most the limit; goal says so in words.
func RatioAtMost(limit float64, goal string) Reach {
	return Reach{Goal: goal, limit: limit, ratio: true}
}

// RatioAtLeast asks for a ratio of at least the limit.
func RatioAtLeast(limit float64, goal string) Reach {
	return Reach{Goal: goal, limit: limit, ratio: true, least: true}
}

// FigureAtMost asks for a figure of at most the limit, in seconds, bytes or whatever it is.
func FigureAtMost(limit float64, goal string) Reach {
	return Reach{Goal: goal, limit: limit}
}

// FigureAtLeast asks for a figure of at least the limit.
func FigureAtLeast(limit float64, goal string) Reach {
	return Reach{Goal: goal, limit: limit, least: true}
}

// OrElse says that of a table's goals that share the name one is enough.
func (r Reach) OrElse(name string) Reach {
	r.either = name
	return r
}

// Reached tells whether the row's median is where it is to be.
func (r Row) Reached() bool {
	median := r.Figure.Median()
	if r.Reach.ratio {
		median = r.Ratio.Median()
	}
	if r.Reach.least {
		return median >= r.Reach.limit
	}
	return median <= r.Reach.limit
}

// verdict is what stands in the last column.
func (t Table) verdict(r Row) string {
	switch {
	case r.Reach.Goal == "":
		return ""
	case r.Reached():
		return "reached"
	}
	for _, other := range t.Rows {
		if r.Reach.either != "" && other.Reach.either == r.Reach.either && other.Reached() {
			return "not reached; the other way is"
		}
	}
	return "**not reached**"
}

// Unit writes a figure.
type Unit func(float64) string

// seconds writes a time.
func seconds(s float64) string {
	switch {
	case math.IsNaN(s):
		return "-"
	case s < 1e-6:
		return fmt.Sprintf("%.0f ns", s*1e9)
	case s < 1e-3:
		return fmt.Sprintf("%s us", short(s*1e6))
	case s < 1:
		return fmt.Sprintf("%s ms", short(s*1e3))
	}
	return fmt.Sprintf("%s s", short(s))
}

// perSecond writes a rate.
func perSecond(n float64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.2f M/s", n/1e6)
	case n >= 1e4:
		return fmt.Sprintf("%.0f k/s", n/1e3)
	case n >= 1e3:
		return fmt.Sprintf("%.1f k/s", n/1e3)
	}
	return short(n) + " /s"
}

// size writes a number of bytes.
func size(n float64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", n/(1<<20))
	case n >= 10<<10:
		return fmt.Sprintf("%.0f KiB", n/(1<<10))
	}
	return fmt.Sprintf("%.0f B", n)
}

// plain writes a number without a unit.
func plain(n float64) string { return short(n) }

// short writes about three digits.
func short(n float64) string {
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
