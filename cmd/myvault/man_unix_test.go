//go:build unix

package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/matryer/is"
)

// pages writes the manual pages and returns their paths.
func pages(t *testing.T) []string {
	t.Helper()
	is := is.New(t)
	v := newVault(t)
	for range 2 { // the second time they are replaced
		is.Equal(v.must("", "man", "share/man1"), "")
	}
	all, err := filepath.Glob(filepath.Join(v.dir, "share/man1/*.1"))
	is.NoErr(err)
	is.True(len(all) > 35)
	return all
}

// TestManualPages checks that the text of a page is that of the help.
func TestManualPages(t *testing.T) {
	is := is.New(t)
	for _, path := range pages(t) {
		text, err := os.ReadFile(path)
		is.NoErr(err)
		switch filepath.Base(path) {
		case "myvault.1":
			is.True(strings.Contains(string(text), "\n.BR myvault\\-get (1),\n"))
		case "myvault-token-mint.1":
			is.True(strings.Contains(string(text), "\n.BR myvault\\-token (1)\n"))
			is.True(strings.Contains(string(text), "\n.TP\n\\fB\\-\\-for\\fR \\fI"))
		}
		is.True(!strings.Contains(string(text), "\n\n\n"))
	}
}

// overstruck matches the first of two characters that a terminal shows as a bold one.
var overstruck = regexp.MustCompile(`.\x08`)

// TestManualPagesAreValid checks the pages with mandoc. It warns of a build without a date.
func TestManualPagesAreValid(t *testing.T) {
	is := is.New(t)
	mandoc := require(t, "mandoc")
	out, _ := exec.Command(mandoc, append([]string{"-T", "lint", "-W", "warning"}, pages(t)...)...).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if !strings.Contains(line, "missing date") {
			t.Error(line)
		}
	}
	for _, path := range pages(t) {
		text, err := exec.Command(mandoc, "-T", "ascii", path).Output()
		is.NoErr(err)
		is.True(strings.Contains(overstruck.ReplaceAllString(string(text), ""), "--url")) // no option is lost
	}
}
