package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"
)

// What the tests from outside need of the inside.

// WithVFS has the engine use another file system.
func (c Config) WithVFS(name string) Config {
	c.vfs = name
	return c
}

// WithNetwork replaces the detection of network file systems.
func (c Config) WithNetwork(of func(string) (string, error)) Config {
	c.network = of
	return c
}

// WithUser replaces the user of the process.
func (c Config) WithUser(uid func() int) Config {
	c.user = uid
	return c
}

// CheckOwner is the check of files.
func CheckOwner(info fs.FileInfo, user int) error { return checkOwner(info, user) }

// WithEpochLimit starts a new epoch after so many log rows.
func (c Config) WithEpochLimit(n uint64) Config {
	c.epochLimit = n
	return c
}

// WithSync replaces the sync of the trail.
func (c Config) WithSync(f func(path string) error) Config {
	c.sync = f
	return c
}

// WithFsync replaces the sync of what the store makes beside the engine.
func (c Config) WithFsync(f func(*os.File) error) Config {
	c.fsync = f
	return c
}

// Synchronous gives PRAGMA synchronous of every connection: of the secrets' file, and of
// the trail's.
func (s *Store) Synchronous() (vault, access []string, err error) {
	vault, err = s.file.synchronous()
	if err == nil {
		access, err = s.trail.file.synchronous()
	}
	return vault, access, err
}

func (f *file) synchronous() (levels []string, err error) {
	ask := func(c *conn) error {
		level, err := c.pragma("synchronous")
		levels = append(levels, level)
		return err
	}
	err = f.writer.do(context.Background(), &request{apply: ask})
	// All readers at once, so that each connection is asked.
	var connections []*conn
	for range cap(f.readers.slots) {
		c := <-f.readers.slots
		if c == nil {
			var opened error
			c, opened = f.readers.open()
			err = errors.Join(err, opened)
		}
		err = errors.Join(err, ask(c))
		connections = append(connections, c)
	}
	for _, c := range connections {
		f.readers.slots <- c
	}
	return levels, err
}

// LimitMemory takes memory from the connections of the secrets' file that are open now.
func (s *Store) LimitMemory(bytes int64) error {
	limit := func(c *conn) error {
		c.HardHeapLimit(bytes)
		return nil
	}
	return errors.Join(
		s.readers.read(context.Background(), limit),
		s.writer.do(context.Background(), &request{apply: limit}),
	)
}

// NetworkOf is the detection that Open uses.
func NetworkOf(dir string) (string, error) { return networkOf(dir) }
