package schema

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/fault"
)

// CheckComplete refuses a directory in which a file is missing but one stands that is made
// after it. The kinds are in the order in which their files are made.
func CheckComplete(dir string, kinds []Kind) error {
	for i, k := range kinds {
		var later []string
		for j, other := range kinds[i:] {
			for _, suffix := range directory.DatabaseSuffixes {
				if j > 0 || suffix != "" {
					later = append(later, other.Name+suffix)
				}
			}
		}
		if err := k.notBehind(dir, later); err != nil {
			return err
		}
	}
	return nil
}

// notBehind gives ErrMissing where the file is missing and one of the later ones is there.
func (k Kind) notBehind(dir string, later []string) error {
	here := func(name string) (bool, error) {
		_, err := os.Lstat(filepath.Join(dir, name))
		if fault.NotExist(err) {
			return false, nil
		}
		return err == nil, err
	}
	if found, err := here(k.Name); found || err != nil {
		return err
	}
	for _, name := range later {
		found, err := here(name)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		// Another process may have made both since.
		if found, err = here(k.Name); found || err != nil {
			return err
		}
		return fmt.Errorf("%w: %s, beside %s; put it back, or use an empty directory", fault.ErrMissing, k.Name, name)
	}
	return nil
}
