package myvault

import (
	"context"
	"iter"
)

// Archive is a Provider that also gives values which Get does not: those of deleted secrets
// and versions. [Copy] needs it to carry them.
type Archive interface {
	// History yields every version ever made of the address with its value, the newest
	// first, deleted ones too. The Value of a destroyed version is the zero one, and so is one
	// that the store cannot read without changing anything. An address that never had a version
	// yields ErrNotFound. It changes nothing and leaves no entry.
	History(ctx context.Context, addr Address) iter.Seq2[Secret, error]
}

// Limited is a Provider that tells how much it holds, the same at all times.
type Limited interface {
	Limits() Limits
}

// Limits are what a store holds at most; 0 is no limit.
type Limits struct {
	Projects int // that are registered at once
	Versions int // of one secret, destroyed ones too
}
