//go:build !linux && !darwin

package sqlite

// lockDir locks nothing on this system.
func lockDir(string) (unlock func(), err error) { return func() {}, nil }
