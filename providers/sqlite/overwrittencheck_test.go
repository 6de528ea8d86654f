package sqlite_test

import (
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/sqlite"
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
	var state sqlite.LogState
	file := written{second: 1}
	check, note := sqlite.OverwriteWatch(func() sqlite.LogState { return state }, func() fs.FileInfo { return file })
	is.NoErr(check(file))
	before := file
	state, file = sqlite.LogState{Backfill: 5, Attempted: 5}, written{second: 2} // a checkpoint
	note()
	is.NoErr(check(before))
	is.NoErr(check(file))

	state.Attempted, file = 9, written{second: 3} // another one starts
	is.NoErr(check(file))
	file = written{second: 4}
	is.NoErr(check(file))
	state.Backfill = 9 // and ends
	is.NoErr(check(file))
	is.NoErr(check(file))

	file = written{second: 5}
	is.True(errors.Is(check(file), myvault.ErrUnavailable))
	is.True(errors.Is(check(before), myvault.ErrUnavailable))
}
