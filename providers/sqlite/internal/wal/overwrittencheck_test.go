package wal

import (
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
)

// written is the state of a file at a time.
type written struct {
	fs.FileInfo
	second int64
}

func (w written) ModTime() time.Time { return time.Unix(w.second, 0) }
func (written) Size() int64          { return 4096 }

// TestStaleFileInfo checks that file information from before a checkpoint, compared after it, is
// not reported as an overwrite.
func TestStaleFileInfo(t *testing.T) {
	is := is.New(t)
	var state indexState
	file := written{second: 1}
	w := &overwriteWatch{
		read: func() (indexState, bool) { return state, true },
		stat: func() (fs.FileInfo, error) { return file, nil }, // of a file that does not exist
	}
	check := func(now fs.FileInfo) error { return w.check("vault.db", now, now) }
	is.NoErr(check(file))
	before := file
	state, file = indexState{backfill: 5, attempted: 5}, written{second: 2} // a checkpoint
	w.update()
	is.NoErr(check(before))
	is.NoErr(check(file))

	state.attempted, file = 9, written{second: 3} // another one starts
	is.NoErr(check(file))
	file = written{second: 4}
	is.NoErr(check(file))
	state.backfill = 9 // and ends
	is.NoErr(check(file))
	is.NoErr(check(file))

	file = written{second: 5}
	is.True(errors.Is(check(file), myvault.ErrUnavailable))
	is.True(errors.Is(check(before), myvault.ErrUnavailable))
}
