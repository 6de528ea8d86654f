package db

import "github.com/ncruces/go-sqlite3"

// gatherAtMost is how much of a commit is held back; more goes out in several pieces.
const gatherAtMost = 512 << 10

// Gather has what run writes to the write-ahead log reach the system in one piece, or in few
// large ones, when the log is synced. The engine writes two pieces for each page, and a
// commit of 64 changes has some 70 pages.
//
// Until then nobody else reads these bytes: with synchronous=FULL the engine syncs the log
// before it tells in the WAL-index that there is more. So run must be a commit of a
// connection with FULL, and nothing else. Where the device does not promise powersafe
// overwrite, the engine writes on behind the sync, and nothing is gathered. What is left of a
// commit that failed is dropped: it must not come out in a later transaction, when the place
// may be another's.
func (f *ConnFiles) Gather(run func() error) error {
	if !f.Whole || f.Log == nil {
		return run()
	}
	f.Log.gathering = true
	defer func() { f.Log.gathering, f.Log.held = false, f.Log.held[:0] }()
	err := run()
	if err == nil && len(f.Log.held) > 0 { // the engine told of frames that it has not synced
		return sqlite3.IOERR_FSYNC
	}
	return err
}

// Hold takes a piece that lies behind what is held, and brings out what there was before
// where it does not.
func (f *ConnFile) Hold(p []byte, off int64) (int, error) {
	if off != f.at+int64(len(f.held)) || len(f.held)+len(p) > gatherAtMost {
		if err := f.bringOut(); err != nil {
			return 0, err
		}
		f.at = off
	}
	f.held = append(f.held, p...)
	return len(p), nil
}

// bringOut writes what is held. Where that fails it is not tried again: the commit fails.
func (f *ConnFile) bringOut() error {
	if len(f.held) == 0 {
		return nil
	}
	b := f.held
	f.held = f.held[:0]
	_, err := f.File.WriteAt(b, f.at)
	if err = fullOr(err); err != nil && err != sqlite3.FULL {
		err = sqlite3.IOERR_WRITE // in a sync the engine would take it for a failed fsync
	}
	return err
}
