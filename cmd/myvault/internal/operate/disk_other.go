//go:build !linux && !darwin

package operate

// checkDisk checks nothing on this system.
func checkDisk(string) (string, error) { return "not checked on this system", errSkipped }
