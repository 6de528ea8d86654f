package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/myswiftagent/myvault/crypto"
)

// file is an open database file: its keys, its readers and its writer.
type file struct {
	kind    kind
	path    string
	keys    *keyring
	opened  map[string]os.FileInfo // by path
	place   *place
	anchor  *conn // keeps the write-ahead log while other connections come and go
	readers *pool
	writer  *writer
}

// options are what the files of a store are opened with.
type options struct {
	vfs         string // empty: the operating system's
	synchronous int
	sync        func(path string) error // of the trail; nil: fsync.file
	fsync       fsync
}

// check gives the reason why the file may not be opened; nil where there is none.
func (k kind) check(ctx context.Context, dir string, key crypto.Key, user int) error {
	path := filepath.Join(dir, k.name)
	if err := checkModes(path, user); err != nil {
		return err
	}
	return k.peek(ctx, path, key)
}

// open opens the file for a writer, makes it where it is missing, and reads its keys. The
// caller starts the writer with the connection that it gets.
func (k kind) open(ctx context.Context, dir string, key crypto.Key, o options) (*file, *conn, error) {
	if err := k.ensure(ctx, dir, key, o); err != nil {
		return nil, nil, failure(ctx, err)
	}
	f := &file{kind: k, path: filepath.Join(dir, k.name)}
	f.place = &place{check: f.inPlace}
	f.readers = newPool(f.place, func() (*conn, error) {
		return connect(f.path, settings{vfs: o.vfs, synchronous: o.synchronous, cacheKB: readerCacheKB, readOnly: true})
	})
	f.writer = &writer{inPlace: f.place.look, open: func() (*conn, error) {
		return connect(f.path, settings{vfs: o.vfs, synchronous: o.synchronous, cacheKB: writerCacheKB})
	}}
	c, err := f.writer.open()
	if err != nil {
		return nil, nil, failure(ctx, err)
	}
	err = guard(func() error {
		if err := k.migrate(c); err != nil {
			return err
		}
		if f.keys, err = newKeyring(c, key); err != nil {
			return err
		}
		if f.anchor, err = connect(f.path, settings{vfs: o.vfs, synchronous: o.synchronous, cacheKB: readerCacheKB, readOnly: true}); err != nil {
			return err
		}
		return f.remember()
	})
	if err != nil {
		return nil, nil, failure(ctx, errors.Join(err, f.abandon(c)))
	}
	return f, c, nil
}

// abandon closes what open opened, before there is a writer.
func (f *file) abandon(c *conn) error {
	if f.anchor == nil {
		return c.close()
	}
	return errors.Join(f.anchor.close(), c.close())
}

// close ends the readers, then the writer, whose connection brings the write-ahead log
// into the file when it is the last.
func (f *file) close() error {
	f.place.close()
	return errors.Join(f.readers.close(), f.anchor.close(), f.writer.close())
}
