package move

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/myswiftagent/myvault/transfer"
)

// bar shows the progress of a copy: as a progress bar on a terminal, else as lines.
type bar struct {
	out      io.Writer
	terminal bool
	phase    transfer.Phase
	next     time.Duration // since the start of the phase, when to print the next line
}

func newBar(f *os.File) *bar {
	info, err := f.Stat()
	return &bar{out: f, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

const (
	barWidth     = 30
	lineInterval = 5 * time.Second
)

func (b *bar) update(p transfer.Progress) {
	if p.Phase != b.phase {
		b.phase, b.next = p.Phase, lineInterval
	}
	switch {
	case b.terminal:
		fmt.Fprintf(b.out, "\r%-6s %s %s\x1b[K", p.Phase, graph(p), numbers(p))
		if p.Ended {
			fmt.Fprintln(b.out)
		}
	case p.Ended || p.Elapsed >= b.next:
		b.next += lineInterval
		fmt.Fprintln(b.out, p.Phase, numbers(p))
	}
}

// graph returns the bar. It is empty while the total is not known.
func graph(p transfer.Progress) string {
	done := 0
	if p.Addresses > 0 {
		done = min(barWidth, p.Done*barWidth/p.Addresses)
	}
	return "[" + strings.Repeat("#", done) + strings.Repeat(".", barWidth-done) + "]"
}

func numbers(p transfer.Progress) string {
	total := ""
	if p.Addresses > 0 {
		total = fmt.Sprintf(" of %d", p.Addresses)
	}
	return fmt.Sprintf("%d%s secrets, %d versions, %.0f/s", p.Done, total, p.Versions, p.Rate())
}
