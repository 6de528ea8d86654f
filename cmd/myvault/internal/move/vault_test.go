package move

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/internal/vaultserver"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/sqlite"
	"github.com/myswiftagent/myvault/transfer"
)

// vault starts a HashiCorp Vault server. Without its binary, the test is skipped, or fails in CI.
func vault(t *testing.T) *vaultserver.Server {
	t.Helper()
	return vaultserver.Dev(t, vaultserver.Binary(t))
}

// fill writes versions of secrets with 64 concurrent callers and returns the rate.
func fill(t *testing.T, p myvault.Provider, folder string, secrets, versions int) float64 {
	t.Helper()
	began := time.Now()
	var callers sync.WaitGroup
	for caller := range 64 {
		callers.Go(func() {
			for n := caller; n < secrets; n += 64 {
				addr := myvault.Address{Project: fmt.Sprint("project-", n%20), Path: fmt.Sprintf("%s/secret-%d", folder, n)}
				for v := range versions {
					at := began.Add(time.Duration(n*versions+v) * time.Millisecond)
					_, err := p.Apply(t.Context(), myvault.Commit{By: "jobqueue", At: at, Changes: []myvault.Change{
						{Op: myvault.OpPut, Address: addr, Value: myvault.Text(fmt.Sprintf("value %d of %50d", v, n))},
					}})
					if err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	callers.Wait()
	return float64(secrets*versions) / time.Since(began).Seconds()
}

// program runs the program at path and kills it when it reports the phase kill. It returns the
// standard output and the standard error.
func program(t *testing.T, path, kill string, args ...string) (out, progress string, err error) {
	t.Helper()
	cmd := exec.Command(path, args...)
	var b, stderr bytes.Buffer
	cmd.Stdout = &b
	lines, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for scanner := bufio.NewScanner(lines); scanner.Scan(); {
		fmt.Fprintln(&stderr, scanner.Text())
		if kill != "" && strings.HasPrefix(scanner.Text(), kill) {
			_ = cmd.Process.Kill()
		}
	}
	err = cmd.Wait()
	return b.String(), stderr.String(), err
}

// TestMoveToVaultAndBack copies a local store to Vault and from there to another local store. The
// program is killed in between. With MYVAULT_RELIABILITY=long, it copies 10,000 secrets of 5
// versions.
func TestMoveToVaultAndBack(t *testing.T) {
	is := is.New(t)
	server := vault(t)
	secrets, versions, kill := 50, 5, "survey"
	if os.Getenv("MYVAULT_RELIABILITY") == "long" {
		secrets, kill = 10_000, "copy" // reported after 5 seconds
	}
	binary := filepath.Join(t.TempDir(), "myvault")
	if text, err := exec.Command("go", "build", "-o", binary, "../..").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	key := crypto.NewKey()
	dirs := [3]string{t.TempDir(), t.TempDir(), t.TempDir()}
	open := func(dir string) *sqlite.Store {
		s, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
		is.NoErr(err)
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	first := open(dirs[0])
	fill(t, first, "prod", secrets, versions)
	local := func(dir string) string { return side(t, "MYVAULT_DATA="+dir, "MSA_MASTER_KEY="+key.Text()) }
	far := side(t, "MYVAULT_PROVIDER=hashivault", "VAULT_ADDR="+server.Address, "VAULT_TOKEN="+server.Token,
		"MYVAULT_DATA="+dirs[1], "MSA_MASTER_KEY="+key.Text())
	for _, sides := range [][2]string{{local(dirs[0]), far}, {far, local(dirs[2])}} {
		for range 2 {
			_, _, err := program(t, binary, kill, "move", "--from", sides[0], "--to", sides[1])
			is.True(err != nil) // killed
		}
		out, progress, err := program(t, binary, "", "move", "--from", sides[0], "--to", sides[1])
		is.NoErr(err)
		is.True(strings.HasSuffix(out, "\nequal\n"))
		t.Log(out, progress)
	}
	last := open(dirs[2])
	r, err := transfer.Copy(t.Context(), last, first, transfer.Options{By: "operator"})
	is.NoErr(err)
	is.True(r.Equal())
	is.Equal(r.Written, 0)
	is.Equal(r.Versions, secrets*versions)
	store, err := hashivault.Open(t.Context(), hashivault.Config{Addresses: []string{server.Address}, Token: myvault.Text(server.Token)})
	is.NoErr(err)
	t.Logf("plain writes to Vault, in the same run: %.0f a second", fill(t, store, "plain", min(secrets, 500), 1))
	is.NoErr(store.Close())
}
