package directory

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// CheckHardLinks returns ErrForeign if a file has a second name. Each name would have its own
// write-ahead log, so two stores that use different names lose each other's changes. The
// temporary name of a new file does not count. It exists while another process creates the file,
// and after a crash until it is swept.
func CheckHardLinks(path string, info fs.FileInfo) error {
	links := Links(info)
	if links <= 1 {
		return nil
	}
	names, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return err
	}
	for _, name := range names {
		if !strings.HasPrefix(name.Name(), TemporaryPrefix) {
			continue
		}
		if temporary, err := os.Lstat(filepath.Join(filepath.Dir(path), name.Name())); err == nil && os.SameFile(info, temporary) {
			links--
		}
	}
	if links <= 1 {
		return nil
	}
	// Another process may have removed its temporary name since.
	if info, err = os.Lstat(path); err != nil || Links(info) <= 1 {
		return err
	}
	return fmt.Errorf("%w: %s has %d hard links and must have one; remove the others, or copy the file instead of linking it",
		fault.ErrForeign, info.Name(), links)
}
