package directory

import (
	"fmt"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// CheckLinks refuses a file that has another name: a write-ahead log belongs to a name, so two
// stores that reach one file by two names lose each other's changes. The temporary name under
// which a file was made does not count. It may be there while another process makes the file,
// and until the next sweep after a crash.
func CheckLinks(path string, info fs.FileInfo) error {
	links := linksOf(info)
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
		if made, err := os.Lstat(filepath.Join(filepath.Dir(path), name.Name())); err == nil && os.SameFile(info, made) {
			links--
		}
	}
	if links <= 1 {
		return nil
	}
	// The name may have gone meanwhile.
	if info, err = os.Lstat(path); err != nil || linksOf(info) <= 1 {
		return err
	}
	return fmt.Errorf("%w: %s has %d hard links and must have one; remove its other names, or copy the file in place of linking it",
		fault.ErrForeign, info.Name(), links)
}
