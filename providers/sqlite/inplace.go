package sqlite

import (
	"fmt"
	"os"

	"github.com/myswiftagent/myvault"
)

// inPlace reports ErrUnavailable once the database file or its write-ahead log, as they
// were when it was opened, no longer stand under their names. Connections go on writing to
// files that were moved or deleted, where nobody finds again what they acknowledge.
func (f *file) inPlace() error {
	for path, opened := range f.opened {
		now, err := os.Lstat(path)
		if err != nil || !os.SameFile(opened, now) {
			return fmt.Errorf("%w: %s was moved, deleted or replaced while it is open; put it back, or close the store and restore the whole directory",
				myvault.ErrUnavailable, f.kind.name)
		}
	}
	return nil
}

// remember notes which files were opened.
func (f *file) remember() error {
	f.opened = make(map[string]os.FileInfo)
	for _, path := range []string{f.path, f.path + "-wal"} {
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		_ = os.SameFile(info, info) // on Windows the file's identity is read now, not at the first comparison
		f.opened[path] = info
	}
	return nil
}
