// Package setup is what a program around the vault does with its environment: it finds the
// .env, makes one on a first run, and reads typed settings without showing what stands in them.
package setup

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"

	"github.com/caarlos0/env/v11"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/internal/trusted"
)

// Load gives the settings in force, and the path of the .env that they come from, if any. It is
// [Find] and [Read], and keeps client.headers true to the .env.
func Load[T any](process map[string]string) (settings map[string]string, path string, err error) {
	if path, err = Find(process); err != nil {
		return nil, path, err
	}
	if settings, err = Read[T](path, process); err != nil {
		return nil, path, err
	}
	return settings, path, WriteHeaders(path, process, settings)
}

// Find gives the path of the .env: the one that MYVAULT_ENV names, else .env here, else the one
// in MYVAULT_DATA ("data"). With none, it is "" if the environment has a policy; else it makes
// one there; see [FirstRun].
func Find(process map[string]string) (path string, err error) {
	path = Look(process)
	if path != "" || process["ALLOWED_SERVICES"] != "" {
		return path, nil
	}
	data := dataOf(process)
	return filepath.Join(data, ".env"), FirstRun(data)
}

// Read gives the settings in force with the .env at path, which may be "": those of the
// environment alone. T is a struct with env tags; its keys are what the .env may hold besides the policy.
func Read[T any](path string, process map[string]string) (map[string]string, error) {
	if path == "" {
		return present(process), nil
	}
	file, err := myvault.ReadEnvFile(path, Keys[T]()...)
	if errors.Is(err, fs.ErrNotExist) && path == process["MYVAULT_ENV"] {
		return nil, fmt.Errorf("MYVAULT_ENV names a file that is not there: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w\nif this .env is another program's, name yours with MYVAULT_ENV", err)
	}
	if err := Private(path, file); err != nil {
		return nil, err
	}
	return merged(file, process), nil
}

// present returns the settings without those that are empty: they are absent.
func present(settings map[string]string) map[string]string {
	settings = maps.Clone(settings)
	maps.DeleteFunc(settings, func(_, value string) bool { return value == "" })
	return settings
}

// paired are the settings that may be given by a file too, under their name with _FILE.
var paired = []string{"MSA_MASTER_KEY", "VAULT_TOKEN", "VAULT_SECRET_ID"}

// merged gives the settings in force. Of a pair, the environment overrides both with either.
func merged(file, process map[string]string) map[string]string {
	file = maps.Clone(file)
	for _, setting := range paired {
		if process[setting]+process[setting+"_FILE"] != "" {
			delete(file, setting)
			delete(file, setting+"_FILE")
		}
	}
	return myvault.MergeEnv(file, process)
}

// Keys returns the settings of T by their env tags.
func Keys[T any]() (keys []string) {
	for _, f := range fields(reflect.TypeFor[T]()) {
		keys = append(keys, f.Tag.Get("env"))
	}
	return keys
}

// fields returns the fields of a struct that have an env tag, and those of embedded structs. Unlike
// [reflect.VisibleFields] it includes a field that another of the same name hides.
func fields(of reflect.Type) (all []reflect.StructField) {
	for f := range of.Fields() {
		switch {
		case f.Tag.Get("env") != "":
			all = append(all, f)
		case f.Anonymous:
			all = append(all, fields(f.Type)...)
		}
	}
	return all
}

// WriteHeaders keeps client.headers, beside a .env in MYVAULT_DATA, true to the settings that
// come from it.
func WriteHeaders(path string, process, settings map[string]string) error {
	data := dataOf(process)
	if path != filepath.Join(data, ".env") {
		return nil
	}
	return writeHeaders(data, settings)
}

// Private refuses a .env that holds the master key and that everybody on the machine can read. Its
// group may read it: that is how a deployment gives it to a service.
func Private(path string, file map[string]string) error {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" || file["MSA_MASTER_KEY"] == "" || info.Mode().Perm()&0o004 == 0 {
		return err
	}
	return fmt.Errorf("%s holds MSA_MASTER_KEY, and everybody on this machine can read it: chmod 600, or keep the key in a file of its own (MSA_MASTER_KEY_FILE); change the key if others are on the machine (examples/rekey)", path)
}

// dataOf gives the directory of the store.
func dataOf(settings map[string]string) string { return cmp.Or(settings["MYVAULT_DATA"], "data") }

// Look gives the path of the .env that is there, or that MYVAULT_ENV says is; "" for none.
func Look(process map[string]string) string {
	if named := process["MYVAULT_ENV"]; named != "" {
		return named
	}
	for _, path := range []string{".env", filepath.Join(dataOf(process), ".env")} {
		if exists(path) {
			return path
		}
	}
	return ""
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Parse reads the settings into the fields of T by their env tags. Its errors name the
// setting and say what it is (the tag help), never its value, which may be a key. An empty setting
// is absent.
func Parse[T any](settings map[string]string) (T, error) {
	parsed, err := env.ParseAsWithOptions[T](env.Options{Environment: present(settings)})
	all, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		return parsed, err
	}
	var wrong []error
	for _, err := range all.Errors {
		if parse, ok := errors.AsType[env.ParseError](err); ok {
			field, _ := reflect.TypeFor[T]().FieldByName(parse.Name)
			err = fmt.Errorf("setting %s does not parse; it is %s", field.Tag.Get("env"), field.Tag.Get("help"))
		}
		wrong = append(wrong, err)
	}
	return parsed, errors.Join(wrong...)
}

// Help describes the settings of T, a line each, from the tags env and help.
func Help[T any]() string {
	var text bytes.Buffer
	for _, f := range fields(reflect.TypeFor[T]()) {
		fmt.Fprintf(&text, "  %-21s %s\n", f.Tag.Get("env"), f.Tag.Get("help"))
	}
	return text.String()
}

// Headers is the name of the file with the headers of the generated service.
const Headers = "client.headers"

const generated = `# Made by the first run. Whoever reads this file can read every secret.
ALLOWED_SERVICES=local
TOKEN_local=%s
ALLOW_local=*/,*/@destroy+audit
MYVAULT_DUE=local
MSA_MASTER_KEY=%s
`

// FirstRun makes dir with a .env that has a new master key and one service with a random
// token. Of several at once one wins, and all use its file, which is on disk before the
// winner returns.
func FirstRun(dir string) error {
	path := filepath.Join(dir, ".env")
	if exists(filepath.Join(dir, "vault.db")) && !exists(path) {
		return fmt.Errorf("%s holds a store but no .env: put its .env back, or name it with MYVAULT_ENV; without its master key the store cannot be opened", dir)
	}
	if err := trusted.Path(dir); err != nil {
		return fmt.Errorf("no key is kept in %s: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if err := trusted.File(dir, info); err != nil {
		return fmt.Errorf("no key is kept in %s: %w", dir, err)
	}
	ignore := publish(filepath.Join(dir, ".gitignore"), "*\n", os.Link)
	if ignore != nil && !errors.Is(ignore, fs.ErrExist) {
		return ignore
	}
	err = publish(path, fmt.Sprintf(generated, rand.Text(), crypto.NewKey().Text()), os.Link)
	if errors.Is(err, fs.ErrExist) {
		return nil // another first run was faster
	}
	if err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(dir)); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// writeHeaders keeps the file of the generated service's headers true to the .env in dir, so
// that no token is typed or printed. Where that has no plain token, it leaves the file alone.
func writeHeaders(dir string, file map[string]string) error {
	tokens := strings.Split(file["TOKEN_local"], ",")
	token := strings.TrimSpace(tokens[len(tokens)-1]) // the newest one, during a change-over
	if token == "" || strings.HasPrefix(token, "sha256:") {
		return nil
	}
	text, path := "X-Service: local\nX-Token: "+token+"\n", filepath.Join(dir, Headers)
	if now, err := os.ReadFile(path); err == nil && string(now) == text {
		return nil
	}
	return publish(path, text, os.Rename)
}

// publish writes a file that is there whole or not at all, by a temporary one that place, a
// link or a renaming, puts under its name.
func publish(path, text string, place func(from, to string) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".making-") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := place(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // directories cannot be synced there
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
