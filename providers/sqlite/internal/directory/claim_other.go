//go:build !linux

package directory

import (
	"errors"
	"io"
)

// canClaim is false: elsewhere the age of a file or directory tells whether it was left behind.
const canClaim = false

var errClaimed = errors.New("claimed")

func Claim(string) (io.Closer, error) { return nopCloser{}, nil }

type nopCloser struct{}

func (nopCloser) Close() error { return nil }
