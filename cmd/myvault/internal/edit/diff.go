package edit

import (
	"fmt"
	"strings"
)

// maxLines limits the product of lines that Diff compares one by one.
const maxLines = 4 << 20

// Diff returns the lines of two texts that differ: those only in a begin with "-", those only in b
// with "+". Lines of both are omitted.
func Diff(a, b string) string {
	before, after := lines(a), lines(b)
	var out strings.Builder
	if len(before)*len(after) > maxLines {
		fmt.Fprintf(&out, "- %d lines\n+ %d lines\n", len(before), len(after))
		return out.String()
	}
	common := commonLengths(before, after)
	i, j := 0, 0
	for i < len(before) || j < len(after) {
		switch {
		case i < len(before) && j < len(after) && before[i] == after[j]:
			i, j = i+1, j+1
		case j == len(after) || i < len(before) && common[i+1][j] >= common[i][j+1]:
			fmt.Fprintf(&out, "- %s\n", before[i])
			i++
		default:
			fmt.Fprintf(&out, "+ %s\n", after[j])
			j++
		}
	}
	return out.String()
}

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// commonLengths returns, for each pair of ends of a and b, the length of their longest common
// subsequence.
func commonLengths(a, b []string) [][]int {
	length := make([][]int, len(a)+1)
	for i := range length {
		length[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	return length
}
