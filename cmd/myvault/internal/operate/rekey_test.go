package operate

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// inEmptyDir changes to an empty directory and sets the settings.
func inEmptyDir(t *testing.T, settings ...string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, setting := range append([]string{"MYVAULT_ENV="}, settings...) {
		key, value, _ := strings.Cut(setting, "=")
		t.Setenv(key, value)
	}
}

func store(t *testing.T, dir string, key crypto.Key) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestRekeyTrailOnly changes the key of the trail of a server over HashiCorp Vault.
func TestRekeyTrailOnly(t *testing.T) {
	is := is.New(t)
	dir, old := t.TempDir(), crypto.NewKey()
	file := filepath.Join(t.TempDir(), "master.key")
	is.NoErr(os.WriteFile(file, []byte(old.Text()+"\n"), 0o600))
	trail, err := sqlite.OpenTrail(t.Context(), dir, sqlite.StaticKey(old), sqlite.TrailConfig{})
	is.NoErr(err)
	is.NoErr(trail.Close())
	inEmptyDir(t, "MYVAULT_DATA="+dir, "MSA_MASTER_KEY_FILE="+file)
	out, err := printed(rekey(t.Context(), options{show: silent, data: true}))
	is.True(err != nil) // a trail has no data keys
	is.Equal(out, "")
	out, err = printed(rekey(t.Context(), options{show: silent}))
	is.NoErr(err)
	is.True(strings.Contains(out, file+".1 the one before"))
	trail, err = sqlite.OpenTrail(t.Context(), dir, sqlite.KeyFile(file), sqlite.TrailConfig{})
	is.NoErr(err)
	is.NoErr(trail.Close())
}

// TestRekeyCreatesTheKeyDirectory checks that the directory of --key-file need not exist.
func TestRekeyCreatesTheKeyDirectory(t *testing.T) {
	is := is.New(t)
	dir, old := t.TempDir(), crypto.NewKey()
	store(t, dir, old)
	inEmptyDir(t, "MYVAULT_DATA="+dir, "MSA_MASTER_KEY="+old.Text())
	for range 2 {
		_, err := rekey(t.Context(), options{show: silent, keyFile: "new/keys/master.key"})
		is.NoErr(err)
	}
	for _, name := range []string{"master.key", "master.key.1", "master.key.2"} {
		_, err := crypto.ReadKeyFile(filepath.Join("new/keys", name))
		is.NoErr(err)
	}
	info, err := os.Stat("new/keys")
	is.NoErr(err)
	is.True(runtime.GOOS == "windows" || info.Mode().Perm() == 0o700)
}

// TestRekeyMovesTheKeyOutOfTheEnv checks that the rest of the .env is unchanged.
func TestRekeyMovesTheKeyOutOfTheEnv(t *testing.T) {
	is := is.New(t)
	dir, old := t.TempDir(), crypto.NewKey()
	store(t, dir, old)
	env, file := filepath.Join(dir, ".env"), filepath.Join(dir, "master.key")
	text := "\uFEFF# mine\r\nALLOWED_SERVICES=ui\n\n  export MSA_MASTER_KEY = '%s'  # the key\nTOKEN_ui=x#y"
	is.NoErr(os.WriteFile(env, []byte(strings.Replace(text, "%s", old.Text(), 1)), 0o600))
	inEmptyDir(t, "MYVAULT_DATA="+dir)
	// The state after a call that was interrupted between the two files.
	is.NoErr(os.WriteFile(file, []byte(old.Text()+"\n"), 0o600))
	for n := range 3 {
		_, err := rekey(t.Context(), options{show: silent, data: n == 2})
		is.NoErr(err)
		got, err := os.ReadFile(env)
		is.NoErr(err)
		is.Equal(string(got), strings.NewReplacer("%s", file, "MSA_MASTER_KEY", "MSA_MASTER_KEY_FILE").Replace(text))
		info, err := os.Stat(env)
		is.NoErr(err)
		is.Equal(info.Mode().Perm(), os.FileMode(0o600))
		key, err := crypto.ReadKeyFile(file)
		is.NoErr(err)
		store(t, dir, key)
	}
	kept, err := crypto.ReadKeyFile(file + ".1")
	is.NoErr(err)
	is.Equal(kept.Text(), old.Text())
	_, err = os.Lstat(file + ".3")
	is.NoErr(err) // a file for each change
}

// TestRekeyRejectsSettings checks settings with which rekey could not complete. It must not change
// anything.
func TestRekeyRejectsSettings(t *testing.T) {
	dir, key := t.TempDir(), crypto.NewKey()
	store(t, dir, key)
	env := func(mode os.FileMode, text string) string {
		path := filepath.Join(t.TempDir(), ".env")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	other := env(0o600, "MSA_MASTER_KEY="+key.Text())
	if err := os.WriteFile(filepath.Join(filepath.Dir(other), "master.key"), []byte(crypto.NewKey().Text()), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		settings []string
		want     string
	}{
		"no key":                         {nil, "MYVAULT_ENV"},
		"a key in the environment":       {[]string{"MSA_MASTER_KEY=" + key.Text()}, "--key-file"},
		"a .env that a group reads":      {[]string{"MYVAULT_ENV=" + env(0o640, "MSA_MASTER_KEY="+key.Text())}, "--key-file"},
		"a key file of another key":      {[]string{"MYVAULT_ENV=" + other}, "a different key"},
		"a .env with an empty key file":  {[]string{"MYVAULT_ENV=" + env(0o600, "MSA_MASTER_KEY_FILE=\nMSA_MASTER_KEY="+key.Text())}, "cannot be replaced"},
		"a .env with a key of no format": {[]string{"MYVAULT_ENV=" + env(0o600, "MSA_MASTER_KEY=canary")}, "must start with"},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			inEmptyDir(t, append(c.settings, "MYVAULT_DATA="+dir)...)
			out, err := printed(rekey(t.Context(), options{show: silent}))
			is.True(err != nil)
			is.True(strings.Contains(err.Error(), c.want))
			is.True(!strings.Contains(err.Error(), "canary") && !strings.Contains(err.Error(), key.Text()))
			is.Equal(out, "")
			store(t, dir, key) // the key still opens the store
		})
	}
}

// TestRekeyWithKeyFile covers a server that gets its key in another way.
func TestRekeyWithKeyFile(t *testing.T) {
	is := is.New(t)
	dir, old := t.TempDir(), crypto.NewKey()
	store(t, dir, old)
	file := filepath.Join(t.TempDir(), "new.key")
	inEmptyDir(t, "MYVAULT_DATA="+dir, "MSA_MASTER_KEY="+old.Text())
	out := ""
	for range 2 { // in the second round, the setting still has the old key
		text, err := printed(rekey(t.Context(), options{show: silent, keyFile: file}))
		is.NoErr(err)
		out += text
		key, err := crypto.ReadKeyFile(file)
		is.NoErr(err)
		store(t, dir, key)
	}
	is.True(strings.Contains(out, keyNotice))
	kept, err := crypto.ReadKeyFile(file + ".1")
	is.NoErr(err)
	is.Equal(kept.Text(), old.Text())
	_, err = sqlite.Open(t.Context(), dir, sqlite.StaticKey(old), sqlite.Config{})
	is.True(err != nil && strings.Contains(err.Error(), myvault.ErrWrongKey.Error()))
}
