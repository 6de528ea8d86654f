//go:build !linux

package directory

import (
	"errors"
	"io"
)

// canLockTemp is false: on these systems a temporary file is a leftover if it is old.
const canLockTemp = false

var errTempLocked = errors.New("locked by another process")

// lockTemp locks nothing on this system.
func lockTemp(string) (io.Closer, error) { return nopCloser{}, nil }

type nopCloser struct{}

func (nopCloser) Close() error { return nil }
