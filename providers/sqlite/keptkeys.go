package sqlite

import (
	"context"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strconv"

	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/archive"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/directory"
)

// keptKey is a key that was in force, in the file in which [ChangeKey] keeps it.
type keptKey struct {
	name   string
	number int
	key    crypto.Key // zero if the file holds none
}

func keptName(keyFile string, n int) string { return fmt.Sprintf("%s.%d", keyFile, n) }

// keptKeys returns the keys that ChangeKey has kept beside a key file.
func keptKeys(keyFile string) iter.Seq[keptKey] {
	return func(yield func(keptKey) bool) {
		entries, _ := os.ReadDir(filepath.Dir(keyFile)) // without it, as if none were there
		kept := directory.Numbered(filepath.Base(keyFile) + ".")
		for _, entry := range entries {
			if !kept(entry.Name()) {
				continue
			}
			n, err := strconv.Atoi(entry.Name()[len(filepath.Base(keyFile))+1:])
			if err != nil {
				continue
			}
			name := filepath.Join(filepath.Dir(keyFile), entry.Name())
			key, _ := crypto.ReadKeyFile(name)
			if !yield(keptKey{name, n, key}) {
				return
			}
		}
	}
}

// BackupKey returns a source of the key that opens the backup at path: the one in keyFile, or one
// that [ChangeKey] has kept beside it. If none does, it returns that of keyFile.
func BackupKey(path, keyFile string) KeySource {
	return func(context.Context) (crypto.Key, error) {
		present, err := crypto.ReadKeyFile(keyFile)
		if err != nil || opensArchive(path, present) {
			return present, err
		}
		if file, err := filepath.EvalSymlinks(keyFile); err == nil {
			keyFile = file
		}
		for kept := range keptKeys(keyFile) {
			if opensArchive(path, kept.key) {
				return kept.key, nil
			}
		}
		return present, nil
	}
}

// opensArchive reports whether a key opens the header of a backup.
func opensArchive(path string, key crypto.Key) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	_, err = archive.Open(f, key)
	return err == nil
}
