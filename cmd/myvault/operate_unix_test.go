//go:build unix

package main_test

import (
	"strings"
	"testing"

	"github.com/matryer/is"
)

// TestProgressOnATerminal checks that verify and restore show how far they are, on a line that is
// gone before the result. In a pipe they show nothing.
func TestProgressOnATerminal(t *testing.T) {
	v := newVault(t)
	v.must("hunter2", "put", "p/x")
	v.must("", "backup", "b")
	for _, args := range [][]string{{"verify"}, {"verify", "b"}, {"restore", "b", "restored"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			is := is.New(t)
			c := v.inTerminal(v.command(args...))
			c.await("1 changes, ")
			text := c.text.String()
			begin, end := strings.Index(text, " % verified\x1b[K"), strings.Index(text, "\r\x1b[K")
			is.True(begin >= 0 && end > begin)              // shown, then removed
			is.True(end < strings.Index(text, "1 changes")) // before the result
		})
	}
	is := is.New(t)
	is.Equal(v.run("", "verify", "b").stderr, "")
}
