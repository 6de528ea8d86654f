package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/caarlos0/env/v11"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/internal/trusted"
)

// KeyFile returns the path of the master key file, so that the key can be changed there.
//
// If the key itself is in the .env, KeyFile moves it: it writes the key to master.key next to the
// .env, and then atomically replaces the setting by MSA_MASTER_KEY_FILE. The rest of the .env, its
// mode and its owner stay the same. It can be called again after a crash.
//
// If file is not empty, it is the key file. KeyFile creates it if necessary, with its directory and
// the current key, and does not change the .env: the service gets its key in another way.
func KeyFile(environ []string, file string) (string, error) {
	path, settings, err := readSettings(environ)
	if err != nil {
		return "", err
	}
	text, configured := settings[masterKey], settings[masterKeyFile]
	switch {
	case text == "" && configured == "":
		return "", errNoKey
	case text != "" && configured != "":
		return "", fmt.Errorf("%w: set MSA_MASTER_KEY or MSA_MASTER_KEY_FILE, one and not both", crypto.ErrKey)
	case file != "":
		return file, createKeyFile(file, text, configured)
	case configured != "":
		return configured, nil
	case env.ToMap(environ)[masterKey] != "":
		return "", errors.New("MSA_MASTER_KEY is in the environment, which this program cannot change: set --key-file to a file for the key, and afterwards start the service with that file (MSA_MASTER_KEY_FILE) or the new key")
	}
	return moveKey(path, text)
}

// createKeyFile creates a key file with the current key, unless the file exists.
func createKeyFile(file, text, configured string) error {
	if exists(file) {
		return nil
	}
	key, err := crypto.ParseKey(text)
	if configured != "" {
		key, err = crypto.ReadKeyFile(configured)
	}
	if err != nil {
		return err
	}
	dir := filepath.Dir(file)
	if err := trusted.Path(dir); err != nil {
		return fmt.Errorf("cannot store a key in %s: %w", dir, err)
	}
	if err := makeDir(dir); err != nil {
		return err
	}
	return publish(file, key.Text()+"\n", os.Link)
}

// makeDir creates dir and its parents if necessary. It syncs each of them to the disk, so that a
// crash cannot lose the directory of a key.
func makeDir(dir string) error {
	if exists(dir) {
		return nil
	}
	parent := filepath.Dir(dir)
	if err := makeDir(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := syncDir(parent); err != nil && !errors.Is(err, fs.ErrPermission) { // a parent may be writable but not readable
		return err
	}
	return nil
}

// moveKey moves the master key from the .env to a file next to it.
func moveKey(path, text string) (file string, err error) {
	key, err := crypto.ParseKey(text)
	if err != nil {
		return "", err
	}
	// The path must be absolute, because the server may have another working directory.
	if path, err = filepath.EvalSymlinks(path); err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	file = filepath.Join(filepath.Dir(path), "master.key")
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s is readable by its group, which a key file must not be: make it readable only by the service (chown, chmod 600), or set --key-file to a file that only the service can read", path)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	changed, err := withKeyFile(string(old), text, file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	err = publish(file, key.Text()+"\n", withModeOf(info, os.Link))
	if errors.Is(err, fs.ErrExist) {
		err = sameKey(file, key)
	}
	if err != nil {
		return "", err
	}
	return file, publish(path, changed, withModeOf(info, os.Rename))
}

// withModeOf returns an install function that first sets the mode of like. It keeps the owner and
// group of the process: moveKey has already rejected a .env that its group can read.
func withModeOf(like fs.FileInfo, install func(from, to string) error) func(from, to string) error {
	return func(from, to string) error {
		if runtime.GOOS != "windows" {
			if err := os.Chmod(from, like.Mode().Perm()); err != nil {
				return err
			}
		}
		return install(from, to)
	}
}

// sameKey returns an error if the key file has a different key.
func sameKey(file string, key crypto.Key) error {
	existing, err := crypto.ReadKeyFile(file)
	if err == nil && existing.Text() != key.Text() {
		err = fmt.Errorf("%s already exists with a different key than the .env: rename that file; nothing was changed", file)
	}
	return err
}

// withKeyFile returns the text of a .env with the path of a key file instead of the key.
func withKeyFile(old, key, file string) (string, error) {
	var changed strings.Builder
	for line := range strings.Lines(old) {
		if settings, err := myvault.ReadEnv(strings.NewReader(line)); err == nil && settings[masterKey] != "" {
			before, after, _ := strings.Cut(line, masterKey)
			line = before + masterKeyFile + strings.Replace(after, key, file, 1)
		}
		changed.WriteString(line)
	}
	want, err := myvault.ReadEnv(strings.NewReader(old))
	if err != nil {
		return "", err
	}
	delete(want, masterKey)
	want[masterKeyFile] = file
	if got, err := myvault.ReadEnv(strings.NewReader(changed.String())); err != nil || !maps.Equal(got, want) {
		return "", fmt.Errorf("MSA_MASTER_KEY cannot be replaced automatically: write its value to %s, and set MSA_MASTER_KEY_FILE to that path instead of the key", file)
	}
	return changed.String(), nil
}
