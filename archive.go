package myvault

import (
	"context"
	"iter"
)

// Archive is a [Provider] that also returns the values of deleted secrets and versions, which Get
// does not. Package transfer copies them if both providers implement it.
type Archive interface {
	// History yields every version ever made of the address with its value, newest first and with
	// deleted ones. The Value is zero for a destroyed version and for one that the store cannot
	// read without a change. An address that never had a version yields ErrNotFound. History
	// changes nothing and records no entry.
	History(ctx context.Context, addr Address) iter.Seq2[Secret, error]
}

// Limited is a [Provider] with limits, which never change.
type Limited interface {
	// Limits returns how many projects are registered at most at one time, and how many versions
	// of one secret are kept, with destroyed ones. 0 is no limit.
	Limits() (projects, versions int)
}
