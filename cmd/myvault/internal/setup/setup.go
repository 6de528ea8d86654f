// Package setup reads the settings of programs that use the vault. It finds the .env, creates one
// on the first run, and parses typed settings. Its errors never contain values.
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
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/internal/trusted"
)

// Find returns the path of the .env: MYVAULT_ENV, else .env in the working directory, else .env in
// MYVAULT_DATA ("data"). If there is none, it returns "" if the environment has a policy, and
// otherwise creates one in MYVAULT_DATA; see [FirstRun].
func Find(process map[string]string) (path string, err error) {
	path = LocateEnv(process)
	if path != "" || process["ALLOWED_SERVICES"] != "" {
		return path, nil
	}
	data := dataDir(process)
	return filepath.Join(data, ".env"), FirstRun(data)
}

// Read returns the settings of the .env at path and of the environment. If path is "", it uses only
// the environment. T is a struct with env tags: the settings that the .env may have besides the
// policy.
func Read[T any](path string, process map[string]string) (map[string]string, error) {
	if path == "" {
		return withoutEmpty(process), nil
	}
	file, err := myvault.ReadEnvFile(path, Keys[T]()...)
	if errors.Is(err, fs.ErrNotExist) && path == process["MYVAULT_ENV"] {
		return nil, fmt.Errorf("the file in MYVAULT_ENV does not exist: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w\nif this .env belongs to another program, set MYVAULT_ENV to yours", err)
	}
	if err := CheckPrivate(path, file); err != nil {
		return nil, err
	}
	return mergeSettings(file, process), nil
}

// withoutEmpty returns the settings without empty ones, which count as absent.
func withoutEmpty(settings map[string]string) map[string]string {
	settings = maps.Clone(settings)
	maps.DeleteFunc(settings, func(_, value string) bool { return value == "" })
	return settings
}

// filePairs are the settings that can also be set to a file, with the suffix _FILE.
var filePairs = []string{"MSA_MASTER_KEY", "VAULT_TOKEN", "VAULT_SECRET_ID"}

// mergeSettings returns the settings of both sources. The environment overrides the file, except
// for the policy. For filePairs, either setting in the environment overrides both in the file.
func mergeSettings(file, process map[string]string) map[string]string {
	merged := make(map[string]string)
	maps.Copy(merged, file)
	for _, setting := range filePairs {
		if process[setting]+process[setting+"_FILE"] != "" {
			delete(merged, setting)
			delete(merged, setting+"_FILE")
		}
	}
	for key, value := range process {
		if value != "" && !ofPolicy(key) {
			merged[key] = value
		}
	}
	return withoutEmpty(merged)
}

// ofPolicy reports whether a setting is one of [myvault.ParsePolicy]. The policy comes from the
// file only, so that a TOKEN_GITHUB in the environment of the process does not matter.
func ofPolicy(key string) bool {
	families := []string{"TOKEN_", "CERT_", "ALLOW_", "DENY_"}
	return key == "ALLOWED_SERVICES" || slices.ContainsFunc(families, func(family string) bool { return strings.HasPrefix(key, family) })
}

// Keys returns the settings of T by their env tags.
func Keys[T any]() (keys []string) {
	for _, f := range fields(reflect.TypeFor[T]()) {
		keys = append(keys, f.Tag.Get("env"))
	}
	return keys
}

// fields returns the fields with an env tag, including those of embedded structs. Unlike
// [reflect.VisibleFields] it includes fields that are hidden by a field of the same name.
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

// WriteHeaders updates client.headers if the .env is the one in MYVAULT_DATA.
func WriteHeaders(path string, process, settings map[string]string) error {
	data := dataDir(process)
	if path != filepath.Join(data, ".env") {
		return nil
	}
	return writeHeaders(data, settings)
}

// CheckPrivate returns an error if a .env has the master key and every user can read it. Its group
// may read it, because in deployments services have access through the group.
func CheckPrivate(path string, file map[string]string) error {
	info, err := os.Stat(path)
	if err != nil || runtime.GOOS == "windows" || file["MSA_MASTER_KEY"] == "" || info.Mode().Perm()&0o004 == 0 {
		return err
	}
	return fmt.Errorf("%s contains MSA_MASTER_KEY and every user can read it: run chmod 600 on it, or move the key to a separate file (MSA_MASTER_KEY_FILE); if the machine has other users, change the key (myvault rekey)", path)
}

// dataDir returns the directory of the store.
func dataDir(settings map[string]string) string { return cmp.Or(settings["MYVAULT_DATA"], "data") }

// LocateEnv returns MYVAULT_ENV if set, else the path of an existing .env, else "".
func LocateEnv(process map[string]string) string {
	if named := process["MYVAULT_ENV"]; named != "" {
		return named
	}
	for _, path := range []string{".env", filepath.Join(dataDir(process), ".env")} {
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

// Parse parses the settings into the fields of T by their env tags. Its errors have the name and
// the help of the setting, but not its value, which may be a key. An empty setting counts as
// absent.
func Parse[T any](settings map[string]string) (T, error) {
	parsed, err := env.ParseAsWithOptions[T](env.Options{Environment: withoutEmpty(settings)})
	all, ok := errors.AsType[env.AggregateError](err)
	if !ok {
		return parsed, err
	}
	var wrong []error
	for _, err := range all.Errors {
		if parse, ok := errors.AsType[env.ParseError](err); ok {
			field, _ := reflect.TypeFor[T]().FieldByName(parse.Name)
			err = fmt.Errorf("setting %s: invalid value; want %s", field.Tag.Get("env"), field.Tag.Get("help"))
		}
		wrong = append(wrong, err)
	}
	return parsed, errors.Join(wrong...)
}

// Help describes the settings of T, one per line, from the tags env and help.
func Help[T any]() string {
	var text bytes.Buffer
	for _, f := range fields(reflect.TypeFor[T]()) {
		fmt.Fprintf(&text, "  %-21s %s\n", f.Tag.Get("env"), f.Tag.Get("help"))
	}
	return text.String()
}

// Headers is the name of the file with the headers of the generated service.
const Headers = "client.headers"

const envTemplate = `# Generated on the first run. This file gives access to all secrets.
ALLOWED_SERVICES=local
TOKEN_local=%s
ALLOW_local=*/,*/@destroy+audit
MYVAULT_DUE=local
MSA_MASTER_KEY=%s
`

// FirstRun creates dir with a .env that has a new master key and one service with a random token.
// If several processes call it at once, one of them creates the .env and all use it. The .env is
// synced to the disk before FirstRun returns.
func FirstRun(dir string) error {
	path := filepath.Join(dir, ".env")
	if exists(filepath.Join(dir, "vault.db")) && !exists(path) {
		return fmt.Errorf("%s has a store but no .env: restore its .env, or set MYVAULT_ENV to it; the store cannot be opened without its master key", dir)
	}
	if err := trusted.Path(dir); err != nil {
		return fmt.Errorf("cannot store a key in %s: %w", dir, err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if err := trusted.File(dir, info); err != nil {
		return fmt.Errorf("cannot store a key in %s: %w", dir, err)
	}
	err = publish(filepath.Join(dir, ".gitignore"), "*\n", os.Link)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	err = publish(path, fmt.Sprintf(envTemplate, rand.Text(), crypto.NewKey().Text()), os.Link)
	if errors.Is(err, fs.ErrExist) {
		return nil // another process created it
	}
	if err != nil {
		return err
	}
	if err := syncDir(filepath.Dir(dir)); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}

// writeHeaders updates the file with the headers of the generated service, so that users need not
// type its token. If the .env has no plain token, it does not change the file.
func writeHeaders(dir string, file map[string]string) error {
	tokens := strings.Split(file["TOKEN_local"], ",")
	token := strings.TrimSpace(tokens[len(tokens)-1]) // the newest, if the token is being changed
	if token == "" || strings.HasPrefix(token, "sha256:") {
		return nil
	}
	text, path := "X-Service: local\nX-Token: "+token+"\n", filepath.Join(dir, Headers)
	if current, err := os.ReadFile(path); err == nil && string(current) == text {
		return nil
	}
	return publish(path, text, os.Rename)
}

// publish writes a file atomically: it writes a temporary file, and install links or renames it to
// path.
func publish(path, text string, install func(from, to string) error) error {
	removeStale(filepath.Dir(path))
	f, err := os.CreateTemp(filepath.Dir(path), temporary) // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := install(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

const temporary = ".making-"

// abandoned is the age of a temporary file whose process no longer writes it.
const abandoned = time.Hour

// removeStale removes the temporary files that killed processes have left. They may have a key.
func removeStale(dir string) {
	found, _ := filepath.Glob(filepath.Join(dir, temporary+"[0-9]*"))
	for _, path := range found {
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > abandoned {
			_ = os.Remove(path)
		}
	}
}

func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // Windows cannot sync directories
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
