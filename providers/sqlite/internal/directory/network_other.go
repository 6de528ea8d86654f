//go:build !linux

package directory

// NetworkOf detects nothing on this system.
func NetworkOf(string) (string, error) { return "", nil }
