// Package watch loads files again when they have other contents, whatever way those came: written in place,
// renamed over the old ones, or behind a symbolic link that was turned, as Kubernetes does.
package watch

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// maxRead is how much of a file is looked at, in bytes; of a larger one a change behind it shows
// only if the size changed too.
const maxRead = 4 << 20

// Files are some files that are looked at together, such as a certificate and its key.
type Files struct {
	paths []string

	mu      sync.Mutex // held while they are loaded
	loaded  state      // what they held then; the zero state: nobody knows
	passing error      // what they are to be loaded again for
}

// state stands for what all files hold, or that they cannot be read.
type state [sha256.Size]byte

// New remembers what the files hold now. Call it before the files are read, so that no change
// falls between.
func New(paths ...string) *Files {
	f := &Files{paths: paths}
	f.loaded = f.look()
	return f
}

// Load calls load now, for who wants to read the files beside Run, which then knows what was read. One load runs at a time.
func (f *Files) Load(load func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.load(load)
}

// load loads the files. f.mu is held.
func (f *Files) load(load func() error) error {
	before := f.look()
	err := load()
	f.loaded, f.passing = before, ofSystem(err)
	if f.look() != before { // it may have met the one, the other, or what was between
		f.loaded = state{}
	}
	return err
}

// again loads the files if they, which hold this, are not those that were loaded last, or those could not be read
// then for a reason that passes. news tells whether there is something to tell.
func (f *Files) again(now state, load func() error) (news bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	loaded, passing := f.loaded, f.passing
	if now == loaded && passing == nil {
		return false, nil
	}
	err = f.load(load)
	return now != loaded || err == nil || err.Error() != passing.Error(), err
}

// Run looks at the files once in every interval until ctx ends, and calls load when they
// hold something else than when they were loaded last. It waits for that to stand still for an interval: a file that is
// being written, or of which the second of two is not there yet, is not loaded. That a file
// is gone or cannot be read any more is a change like others, and so is its mode.
//
// Run passes each result of load to told. An error of the system (a [syscall.Errno]), such as too
// many open files, and one of [Passing] are not about the contents of the files and may pass
// without a change of them. After such an error load is called again at every look, and told is
// called once for as long as the text is the same. Every other error lasts until the files change.
func (f *Files) Run(ctx context.Context, interval time.Duration, load func() error, told func(error)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	f.mu.Lock()
	seen := f.loaded
	f.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := f.look()
		if now == seen {
			if news, err := f.again(now, load); news {
				told(err)
			}
		}
		seen = now
	}
}

// ofSystem returns err if the operating system refused something, or if it is one of Passing; else
// nil.
func ofSystem(err error) error {
	if _, ok := errors.AsType[syscall.Errno](err); ok {
		return err
	}
	if _, ok := errors.AsType[passing](err); ok {
		return err
	}
	return nil
}

// Passing returns err as one that may pass without a change of the files, such as one about another
// file that they name.
func Passing(err error) error { return passing{err} }

type passing struct{ error }

func (p passing) Unwrap() error { return p.error }

// Settle waits until the files hold the same at two looks an interval apart, for who wants to read
// them now and not what is half written. False: ctx ended first.
func (f *Files) Settle(ctx context.Context, interval time.Duration) bool {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for seen := f.look(); ; {
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
		now := f.look()
		if now == seen {
			return true
		}
		seen = now
	}
}

// look reads all files.
func (f *Files) look() (s state) {
	all := sha256.New()
	for _, path := range f.paths {
		one := sha256.New()
		add(one, path)
		all.Write(one.Sum(nil))
	}
	all.Sum(s[:0])
	return s
}

// add puts into digest what stands at path. Pipes and the like are not opened: they can be read
// once, by whom they are meant for, and an opening may wait.
func add(digest hash.Hash, path string) {
	info, err := os.Stat(path) // of what a link leads to
	if err != nil {
		return
	}
	_ = binary.Write(digest, binary.BigEndian, uint32(info.Mode()))
	if !info.Mode().IsRegular() {
		return
	}
	file, err := os.Open(path)
	if err != nil {
		return
	}
	defer file.Close()
	_ = binary.Write(digest, binary.BigEndian, info.Size())
	_, _ = io.Copy(digest, io.LimitReader(file, maxRead))
}
