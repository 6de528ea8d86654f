//go:build !linux

package sqlite

// networkOf detects nothing on this system.
func networkOf(string) (string, error) { return "", nil }
