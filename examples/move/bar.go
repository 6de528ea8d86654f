package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/myswiftagent/myvault/transfer"
)

// bar shows how far a copy is: on a terminal as a bar that grows, elsewhere as lines.
type bar struct {
	out      io.Writer
	terminal bool
	phase    transfer.Phase
	next     time.Duration // of the phase, at which the next line is due
}

func newBar(f *os.File) *bar {
	info, err := f.Stat()
	return &bar{out: f, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

const (
	barWidth  = 30
	lineEvery = 5 * time.Second
)

func (b *bar) tell(p transfer.Progress) {
	if p.Phase != b.phase {
		b.phase, b.next = p.Phase, lineEvery
	}
	switch {
	case b.terminal:
		fmt.Fprintf(b.out, "\r%-6s %s %s\x1b[K", p.Phase, graph(p), numbers(p))
		if p.Ended {
			fmt.Fprintln(b.out)
		}
	case p.Ended || p.Elapsed >= b.next:
		b.next += lineEvery
		fmt.Fprintln(b.out, p.Phase, numbers(p))
	}
}

// graph is empty as long as it is not known how much there is.
func graph(p transfer.Progress) string {
	full := 0
	if p.Addresses > 0 {
		full = min(barWidth, p.Done*barWidth/p.Addresses)
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", barWidth-full) + "]"
}

func numbers(p transfer.Progress) string {
	of := ""
	if p.Addresses > 0 {
		of = fmt.Sprintf(" of %d", p.Addresses)
	}
	return fmt.Sprintf("%d%s secrets, %d versions, %.0f a second", p.Done, of, p.Versions, p.Rate())
}
