// Package reload loads files again when their contents change. It compares contents, so it notices
// files that are written in place, renamed over the old ones, or behind a symbolic link that
// changes, as Kubernetes mounts them.
package reload

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

// maxRead is how much of a file is compared, in bytes. A change after that is noticed only if the
// size changes too.
const maxRead = 4 << 20

// Files are files that are loaded together, such as a certificate and its key.
type Files struct {
	paths []string

	mu        sync.Mutex // held during a load
	loaded    digest     // the contents at the last load; zero: unknown
	temporary error      // the error of the last load, if it was temporary
}

// digest is a digest of the contents and modes of all files. An unreadable file changes it too.
type digest [sha256.Size]byte

// New returns the files at paths, and records their current contents. Call it before the first
// load, so that no change is missed.
func New(paths ...string) *Files {
	f := &Files{paths: paths}
	f.loaded = f.digest()
	return f
}

// Load calls load now, and records the contents for Run. Only one load runs at a time.
func (f *Files) Load(load func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.load(load)
}

// load calls load and records its result. The caller holds f.mu.
func (f *Files) load(load func() error) error {
	before := f.digest()
	err := load()
	f.loaded, f.temporary = before, temporaryOnly(err)
	if f.digest() != before { // the files changed during the load
		f.loaded = digest{}
	}
	return err
}

// reload calls load if the contents differ from those of the last load, or if that load had a
// temporary error. isNew is false if the result repeats the previous one.
func (f *Files) reload(now digest, load func() error) (isNew bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	loaded, temporary := f.loaded, f.temporary
	if now == loaded && temporary == nil {
		return false, nil
	}
	err = f.load(load)
	return now != loaded || err == nil || err.Error() != temporary.Error(), err
}

// Run reads the files once every interval until ctx is done. If their contents differ from those
// of the last load, and have not changed for an interval, it calls load. The delay avoids loading
// files that are being written. A file that disappears, becomes unreadable or changes its mode
// counts as changed.
//
// Run passes each result of load to report. Some errors are not about the contents of the files:
// a [syscall.Errno], such as too many open files, and one from [Temporary]. After such an error
// Run calls load again every interval, and calls report when the text of the error changes. After
// any other error it waits until the files change.
func (f *Files) Run(ctx context.Context, interval time.Duration, load func() error, report func(error)) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	f.mu.Lock()
	previous := f.loaded
	f.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := f.digest()
		if now == previous {
			if isNew, err := f.reload(now, load); isNew {
				report(err)
			}
		}
		previous = now
	}
}

// temporaryOnly returns err if it is an error of the operating system or from Temporary, else nil.
func temporaryOnly(err error) error {
	if _, ok := errors.AsType[syscall.Errno](err); ok {
		return err
	}
	if _, ok := errors.AsType[temporaryError](err); ok {
		return err
	}
	return nil
}

// Temporary marks err as an error that may go away without a change of the files, such as an
// error about another file that they name.
func Temporary(err error) error { return temporaryError{err} }

type temporaryError struct{ error }

func (t temporaryError) Unwrap() error { return t.error }

// WaitStable waits until the files have not changed for an interval. It returns false if ctx is
// done first. Use it to avoid reading files that are being written.
func (f *Files) WaitStable(ctx context.Context, interval time.Duration) bool {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for previous := f.digest(); ; {
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
		now := f.digest()
		if now == previous {
			return true
		}
		previous = now
	}
}

// digest reads all files.
func (f *Files) digest() (d digest) {
	all := sha256.New()
	for _, path := range f.paths {
		one := sha256.New()
		addFile(one, path)
		all.Write(one.Sum(nil))
	}
	all.Sum(d[:0])
	return d
}

// addFile adds the mode, size and contents of a file to h. It does not open pipes and devices:
// opening may block, and reading would consume the data.
func addFile(h hash.Hash, path string) {
	info, err := os.Stat(path)
	if err != nil {
		return
	}
	_ = binary.Write(h, binary.BigEndian, uint32(info.Mode()))
	if !info.Mode().IsRegular() {
		return
	}
	file, err := os.Open(path)
	if err != nil {
		return
	}
	defer file.Close()
	_ = binary.Write(h, binary.BigEndian, info.Size())
	_, _ = io.Copy(h, io.LimitReader(file, maxRead))
}
