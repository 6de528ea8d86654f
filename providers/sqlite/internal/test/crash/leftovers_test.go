//go:build linux

package crash_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/providers/sqlite/internal/test/storetest"
)

// leftoverStep is the variable with the operation in which a process of this test stops, and its
// directory, key and backup.
const leftoverStep = "MYVAULT_TEST_LEFTOVER"

// TestLeaveHalf is the process that is killed. It prints a line once a temporary file exists, and
// waits.
func TestLeaveHalf(t *testing.T) {
	step := strings.Split(os.Getenv(leftoverStep), "|")
	if len(step) != 4 {
		t.Skip("started by TestLeftoversOfKilledProcess")
	}
	is := is.New(t)
	key, err := crypto.ParseKey(step[2])
	is.NoErr(err)
	dir, backup := step[1], step[3]
	wait := func() {
		fmt.Println("half")
		_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed
	}
	switch step[0] {
	case "backup":
		s := storetest.Open(t, dir, key)
		_, err = s.Backup(t.Context(), backup, func(done, total int64) { wait() })
	case "restore":
		_, err = sqlite.Restore(t.Context(), backup, dir, waitingKey(key, wait), sqlite.Config{})
	case "verify":
		_, err = sqlite.VerifyBackup(t.Context(), backup, waitingKey(key, wait))
	}
	is.NoErr(err)
}

// waitingKey returns a key source that calls wait first.
func waitingKey(key crypto.Key, wait func()) sqlite.KeySource {
	return func(context.Context) (crypto.Key, error) {
		wait()
		return key, nil
	}
}

// TestLeftoversOfKilledProcess checks that temporary files of a killed process, which contain
// plaintext names, are removed at the next Open, and that those of a running process stay.
func TestLeftoversOfKilledProcess(t *testing.T) {
	for _, operation := range []string{"backup", "restore", "verify"} {
		t.Run(operation, func(t *testing.T) {
			is := is.New(t)
			key := crypto.NewKey()
			temporary, parent := t.TempDir(), t.TempDir()
			t.Setenv("TMPDIR", temporary)
			dir := filepath.Join(parent, "data")
			s, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
			is.NoErr(err)
			for range 4 { // more than copyPages pages, so that the copy has a middle
				_, err = storetest.Apply(s, storetest.Put("p/a", strings.Repeat("v", myvault.MaxValue)))
				is.NoErr(err)
			}
			backup := filepath.Join(t.TempDir(), "vault.backup")
			if operation != "backup" {
				_, err = s.Backup(t.Context(), backup, nil)
				is.NoErr(err)
			}
			is.NoErr(s.Close())
			target := dir
			if operation == "restore" {
				target += "-restored" // the drill restores beside the store, under a new name each time
			}
			half := exec.Command(os.Args[0], "-test.run=^TestLeaveHalf$")
			half.Env = append(os.Environ(), leftoverStep+"="+strings.Join([]string{operation, target, key.Text(), backup}, "|"))
			_, err = half.StdinPipe()
			is.NoErr(err)
			out, err := half.StdoutPipe()
			is.NoErr(err)
			is.NoErr(half.Start())
			line, err := bufio.NewReader(out).ReadString('\n')
			is.NoErr(err)
			is.Equal(line, "half\n")
			left := func() (all []string) {
				for _, pattern := range []string{parent + "/.making-*", dir + "/.making-*", temporary + "/myvault-verify-*"} {
					found, err := filepath.Glob(pattern)
					is.NoErr(err)
					all = append(all, found...)
				}
				return all
			}
			is.True(len(left()) > 0)
			beside := len(left())
			is.NoErr(storetest.Open(t, dir, key).Close())
			is.Equal(len(left()), beside) // the process still runs
			is.NoErr(half.Process.Kill())
			exit := (*exec.ExitError)(nil)
			is.True(errors.As(half.Wait(), &exit))
			is.NoErr(storetest.Open(t, dir, key).Close())
			is.Equal(left(), nil)
		})
	}
}
