package move

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"
	"github.com/spf13/cobra"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/internal/pyservice"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/transfer"
)

// side writes the .env of the source or the target.
func side(t *testing.T, settings ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(path, []byte(strings.Join(settings, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// runMove runs the program and returns its standard output and its standard error.
func runMove(t *testing.T, args ...string) (out, progress string, err error) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b bytes.Buffer
	c := Command(f, func(action func(context.Context) (fmt.Stringer, error)) func(*cobra.Command, []string) error {
		return func(cmd *cobra.Command, _ []string) error {
			report, err := action(cmd.Context())
			if report != nil {
				b.WriteString(report.String())
			}
			return err
		}
	})
	c.SetArgs(args)
	c.SetOut(f)
	c.SetErr(f)
	err = c.ExecuteContext(t.Context())
	text, err2 := os.ReadFile(f.Name())
	if err2 != nil {
		t.Fatal(err2)
	}
	return b.String(), string(text), err
}

func TestMoveFromOneStoreToAnother(t *testing.T) {
	is := is.New(t)
	key, other := crypto.NewKey(), crypto.NewKey()
	data := t.TempDir()
	store, err := sqlite.Open(t.Context(), data, sqlite.StaticKey(key), sqlite.Config{})
	is.NoErr(err)
	for n := range 20 {
		_, err = store.Apply(t.Context(), myvault.Commit{By: "svc", Changes: []myvault.Change{
			{Op: myvault.OpPut, Address: myvault.Address{Project: "p", Path: fmt.Sprint("prod/", n/2)}, Value: myvault.Text("the value")},
		}})
		is.NoErr(err)
	}
	is.NoErr(store.Close())
	target := filepath.Join(t.TempDir(), "new")
	from := side(t, "PORT=8000", "MYVAULT_DATA="+data, "MSA_MASTER_KEY="+key.Text())
	to := side(t, "MYVAULT_PROVIDER=sqlite", "MYVAULT_DATA="+target, "MSA_MASTER_KEY="+other.Text())

	out, _, err := runMove(t, "--from", from, "--to", to, "--dry-run")
	is.NoErr(err)
	is.True(strings.HasPrefix(out, "1 projects, 10 secrets, 20 versions in the source; 20 versions to write\n"))
	_, err = os.Stat(target)
	is.True(errors.Is(err, fs.ErrNotExist)) // a dry run creates nothing

	out, progress, err := runMove(t, "--from", from, "--to", to)
	is.NoErr(err)
	is.True(strings.HasPrefix(out, "1 projects, 10 secrets, 20 versions in the source; 20 versions written\n"))
	is.True(strings.HasSuffix(out, "\nequal\n"))
	is.True(strings.Contains(progress, "copy 10 of 10 secrets, 20 versions"))
	is.True(!strings.Contains(progress, "\r")) // no progress bar without a terminal
	out, _, err = runMove(t, "--from", from, "--to", to)
	is.NoErr(err)
	is.True(strings.Contains(out, "; 0 versions written\n"))
	store, err = sqlite.Open(t.Context(), target, sqlite.StaticKey(other), sqlite.Config{})
	is.NoErr(err)
	secret, err := store.Get(t.Context(), myvault.Address{Project: "p", Path: "prod/9"}, 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "the value")
	is.NoErr(store.Close())
	for _, secret := range []string{key.Text(), other.Text(), "the value", "prod/9"} {
		is.True(!strings.Contains(out+progress, secret))
	}
}

func TestMoveFromPythonService(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	s := pyservice.New(t, key, true)
	s.Put("p", "prod/db", "v1")
	s.Put("p", "a//b", "v2")
	from := side(t, "MYVAULT_PROVIDER=python", "MYVAULT_FILE="+s.Done(), "MSA_MASTER_KEY="+key.Text())
	target := filepath.Join(t.TempDir(), "new")
	to := side(t, "MYVAULT_DATA="+target, "MSA_MASTER_KEY="+key.Text())
	out, _, err := runMove(t, "--from", from, "--to", to)
	is.True(err != nil)
	is.True(strings.Contains(out, `cannot be copied: "p" "a//b": invalid path: segment 2 is empty`))
	_, err = os.Stat(target)
	is.True(errors.Is(err, fs.ErrNotExist))
	out, _, err = runMove(t, "--from", from, "--to", to, "--skip-problems")
	is.NoErr(err)
	is.True(strings.Contains(out, "1 versions written"))
	_, _, err = runMove(t, "--from", from, "--to", to, "--rename", "p/a//b=p/a/b")
	is.NoErr(err)
	store, err := sqlite.Open(t.Context(), target, sqlite.StaticKey(key), sqlite.Config{})
	is.NoErr(err)
	secret, err := store.Get(t.Context(), myvault.Address{Project: "p", Path: "a/b"}, 0)
	is.NoErr(err)
	is.Equal(secret.Value.Reveal(), "v2")
	is.NoErr(store.Close())
}

// TestMoveRejectsTheSameStore checks that the program does not print "equal" for one store.
func TestMoveRejectsTheSameStore(t *testing.T) {
	is := is.New(t)
	key := crypto.NewKey()
	data := t.TempDir()
	store, err := sqlite.Open(t.Context(), data, sqlite.StaticKey(key), sqlite.Config{})
	is.NoErr(err)
	is.NoErr(store.Close())
	one := []string{"MYVAULT_DATA=" + data, "MSA_MASTER_KEY=" + key.Text()}
	for _, flags := range [][]string{{"--dry-run"}, nil} {
		out, _, err := runMove(t, append([]string{"--from", side(t, one...), "--to", side(t, one...)}, flags...)...)
		is.True(err != nil)
		is.True(strings.Contains(err.Error(), "the same store"))
		is.Equal(out, "")
	}
}

func TestMoveNamesTheSettingOfThePythonFile(t *testing.T) {
	key := "MSA_MASTER_KEY=" + crypto.NewKey().Text()
	for name, file := range map[string]string{"missing": "", "no such file": "MYVAULT_FILE=/none/canary"} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			_, _, err := runMove(t, "--from", side(t, "MYVAULT_PROVIDER=python", key, file), "--to", side(t, key))
			is.True(err != nil)
			is.True(strings.Contains(err.Error(), "setting MYVAULT_FILE"))
			is.True(!strings.Contains(err.Error(), "canary"))
		})
	}
}

func TestMoveRejectsSettings(t *testing.T) {
	good := "MSA_MASTER_KEY=" + crypto.NewKey().Text()
	for name, args := range map[string][]string{
		"nothing":            {},
		"one side":           {"--from", side(t, good)},
		"an argument":        {"--from", side(t, good), "--to", side(t, good), "x"},
		"no .env":            {"--from", "nowhere", "--to", side(t, good)},
		"no store":           {"--from", side(t, good, "MYVAULT_DATA="+t.TempDir()), "--to", side(t, good)},
		"no key":             {"--from", side(t, "MYVAULT_PROVIDER=python"), "--to", side(t, good)},
		"another provider":   {"--from", side(t, good, "MYVAULT_PROVIDER=etcd"), "--to", side(t, good)},
		"no address":         {"--from", side(t, "MYVAULT_PROVIDER=hashivault", "VAULT_TOKEN=x"), "--to", side(t, good)},
		"two tokens":         {"--from", side(t, "MYVAULT_PROVIDER=hashivault", "VAULT_TOKEN=x", "VAULT_TOKEN_FILE=y"), "--to", side(t, good)},
		"a number, misspelt": {"--from", side(t, good, "VAULT_KEEP_VERSIONS=canary"), "--to", side(t, good)},
	} {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			_, _, err := runMove(t, args...)
			is.True(err != nil)
			is.True(!strings.Contains(err.Error(), "canary"))
		})
	}
}

func TestBar(t *testing.T) {
	is := is.New(t)
	var b bytes.Buffer
	bar := &bar{out: &b, terminal: true}
	bar.update(transfer.Progress{Phase: transfer.Surveying, Done: 5, Versions: 10})
	bar.update(transfer.Progress{Phase: transfer.Copying, Done: 50, Addresses: 100, Versions: 10, Elapsed: 2e9})
	bar.update(transfer.Progress{Phase: transfer.Copying, Done: 100, Addresses: 100, Versions: 20, Elapsed: 2e9, Ended: true})
	is.Equal(b.String(), "\rsurvey [..............................] 5 secrets, 10 versions, 0/s\x1b[K"+
		"\rcopy   [###############...............] 50 of 100 secrets, 10 versions, 5/s\x1b[K"+
		"\rcopy   [##############################] 100 of 100 secrets, 20 versions, 10/s\x1b[K\n")
}

// TestMoveRejectsPublicKey covers a .env with the master key that every user can read.
func TestMoveRejectsPublicKey(t *testing.T) {
	is := is.New(t)
	from := side(t, "MSA_MASTER_KEY="+crypto.NewKey().Text())
	is.NoErr(os.Chmod(from, 0o644))
	_, _, err := runMove(t, "--from", from, "--to", from)
	is.True(err != nil && strings.Contains(err.Error(), "chmod 600"))
}
