package myvault

import (
	"context"
	"iter"
)

// Reader is the part of a [Provider] that reads secrets and projects.
type Reader interface {
	Get(ctx context.Context, addr Address, version Version) (Secret, error)
	List(ctx context.Context, r ListOptions) iter.Seq2[Info, error]
	Versions(ctx context.Context, addr Address, before Version) iter.Seq2[Info, error]
	Projects(ctx context.Context, from string) iter.Seq2[Project, error]
}

// Snapshotter is a Provider that can answer several reads from one state of the store. Without
// it, a page of a [Session] is read one secret at a time and may mix commits.
type Snapshotter interface {
	// Snapshot calls f once, with a Reader whose answers all come from one state of the store. That
	// state includes every change acknowledged before the call. Changes do not wait for f. The
	// Reader and its iterators are for one goroutine and end with f. While f runs it may make
	// changes, but must not read from the provider in any other way. Snapshot returns the error of
	// f, or, without calling f, ErrClosed, ErrUnavailable or the context's error.
	Snapshot(ctx context.Context, f func(Reader) error) error
}

// snapshot calls f with a Reader of one state of the store, or of the provider itself if the
// provider has no snapshots.
func (v *Vault) snapshot(ctx context.Context, f func(Reader) error) error {
	if p, ok := v.provider.(Snapshotter); ok {
		return p.Snapshot(ctx, f)
	}
	return f(v.provider)
}
