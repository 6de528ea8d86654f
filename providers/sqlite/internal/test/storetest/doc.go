// Package storetest has what the tests of the SQLite store share: stores in a known state, damage
// to their files and disks, and other processes that use them.
package storetest

import "os"

// LongPass reports whether MYVAULT_RELIABILITY=long asks for every case and not a sample.
func LongPass() bool { return os.Getenv("MYVAULT_RELIABILITY") == "long" }
