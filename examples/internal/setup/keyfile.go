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

// KeyFile returns the path of the file that holds the master key, so that it can be changed there.
//
// If the key itself is in the .env, it is moved: first it is written to master.key beside the .env,
// then MSA_MASTER_KEY_FILE takes its place there, in one step. Every other byte of the .env, its
// mode and its owner stay. It may be called again after a crash.
//
// If file is not empty, that is the key file. Where it is missing it is made, with its directory
// and the key in force, and no .env is changed: the service gets its key by another way.
func KeyFile(environ []string, file string) (string, error) {
	path, settings, err := operated(environ)
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
		return file, keyIn(file, text, configured)
	case configured != "":
		return configured, nil
	case env.ToMap(environ)[masterKey] != "":
		return "", errors.New("MSA_MASTER_KEY is in the environment of this program, where it cannot be changed: name with -key-file a file that is to hold it, and give the service that file by MSA_MASTER_KEY_FILE, or its new key, afterwards")
	}
	return moveKey(path, text)
}

// keyIn makes a key file with the key in force, unless it is there.
func keyIn(file, text, configured string) error {
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
		return fmt.Errorf("no key is kept in %s: %w", dir, err)
	}
	if err := makeDir(dir); err != nil {
		return err
	}
	return publish(file, key.Text()+"\n", os.Link)
}

// makeDir makes dir and those above it, unless they are there. Each is on disk before makeDir
// returns: a key in it must not be lost with its directory.
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
	if err := syncDir(parent); err != nil && !errors.Is(err, fs.ErrPermission) { // written, but not readable
		return err
	}
	return nil
}

// moveKey moves the master key from the .env into a file beside it.
func moveKey(path, text string) (file string, err error) {
	key, err := crypto.ParseKey(text)
	if err != nil {
		return "", err
	}
	// In an absolute path: the server may be started elsewhere than this program.
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
		return "", fmt.Errorf("%s is readable by its group, and a key file may not be: make it readable by the service alone (chown, chmod 600), or name with -key-file a file that only the service can read", path)
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	changed, err := withKeyFile(string(old), text, file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	err = publish(file, key.Text()+"\n", as(info, os.Link))
	if errors.Is(err, fs.ErrExist) {
		err = sameKey(file, key)
	}
	if err != nil {
		return "", err
	}
	return file, publish(path, changed, as(info, os.Rename))
}

// as publishes a file with the mode of another one. Owner and group stay those of the process: a
// .env that its group can read is refused before.
func as(like fs.FileInfo, name func(from, to string) error) func(from, to string) error {
	return func(from, to string) error {
		if runtime.GOOS != "windows" {
			if err := os.Chmod(from, like.Mode().Perm()); err != nil {
				return err
			}
		}
		return name(from, to)
	}
}

// sameKey refuses a key file that holds another key.
func sameKey(file string, key crypto.Key) error {
	there, err := crypto.ReadKeyFile(file)
	if err == nil && there.Text() != key.Text() {
		err = fmt.Errorf("%s holds another key than the .env, and nothing is changed: give it another name", file)
	}
	return err
}

// withKeyFile returns a .env with the path of a key file in the place of the key.
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
		return "", fmt.Errorf("MSA_MASTER_KEY cannot be replaced; put its value into %s by hand, and the path of that file as MSA_MASTER_KEY_FILE in the place of the key", file)
	}
	return changed.String(), nil
}
