//go:build !linux

package writelock

import "os"

// On other systems there is no Lock: processes poll SQLite's own lock.
const (
	canLock  = false
	noFollow = 0
)

func lockBytes(*os.File, int64, int64, lockMode) error { return nil }
func unlockBytes(*os.File, int64, int64)               {}
func lockedByOthers(*os.File, int64) bool              { return false }
func isConflict(error) bool                            { return false }
