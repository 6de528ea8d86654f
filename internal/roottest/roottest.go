// Package roottest is for tests that need root, such as tests of file owners.
package roottest

import (
	"os"
	"testing"
)

// Require skips the test unless it runs as root. In CI it fails instead.
func Require(t *testing.T) {
	t.Helper()
	switch {
	case os.Geteuid() == 0:
	case os.Getenv("CI") != "":
		t.Fatal("CI must run this test as root")
	default:
		t.Skip("this test needs root")
	}
}
