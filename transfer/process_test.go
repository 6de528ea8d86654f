package transfer_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
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

// The test binary runs itself as the copying process that is killed.
const copyJob = "MYVAULT_COPY_TEST_JOB"

func TestMain(m *testing.M) {
	if os.Getenv(copyJob) == "" {
		os.Exit(m.Run())
	}
	if err := copyStores(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// copyStores copies between the stores named on standard input and prints a line for each change.
func copyStores() error {
	var text, from, to string
	var last int
	if _, err := fmt.Scanln(&text, &from, &to, &last); err != nil {
		return err
	}
	key, err := crypto.ParseKey(text)
	if err != nil {
		return err
	}
	ctx := context.Background()
	src, err := openNamed(ctx, from, key)
	if err != nil {
		return err
	}
	dst, err := openNamed(ctx, to, key)
	if err != nil {
		return err
	}
	o := options
	o.Parallel = 0
	told := &changeLog{}
	told.left.Store(int64(last))
	switch s := dst.(type) {
	case *sqlite.Store:
		_, err = transfer.Copy(ctx, tellingLocal{s, told}, src, o)
	case *hashivault.Store:
		o.Trail = myvault.NoTrail{}
		_, err = transfer.Copy(ctx, tellingVault{s, told}, src, o)
	}
	return errors.Join(err, dst.Close(), src.Close())
}

// openNamed opens a directory or a name that vaultStore returned.
func openNamed(ctx context.Context, place string, key crypto.Key) (myvault.Provider, error) {
	base, server, ok := strings.Cut(strings.TrimPrefix(place, "vault:"), "@")
	if !ok {
		return sqlite.Open(ctx, place, sqlite.StaticKey(key), sqlite.Config{})
	}
	return hashivault.Open(ctx, hashivault.Config{Addresses: []string{server}, Token: myvault.Text(vaultserver.RootToken), Base: base})
}

// vaultStore names a store in a Vault server in dev mode.
func vaultStore(server, base string) string { return "vault:" + base + "@" + server }

// changeLog prints a line for each change. After a number of changes it blocks until it is killed.
type changeLog struct{ left atomic.Int64 }

func (w *changeLog) apply(ctx context.Context, p myvault.Provider, c myvault.Commit) ([]myvault.Info, error) {
	if w.left.Add(-1) < 0 {
		<-ctx.Done()
	}
	infos, err := p.Apply(ctx, c)
	if err == nil {
		fmt.Println("applied")
	}
	return infos, err
}

type tellingLocal struct {
	*sqlite.Store
	*changeLog
}

func (p tellingLocal) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	return p.apply(ctx, p.Store, c)
}

type tellingVault struct {
	*hashivault.Store
	*changeLog
}

func (p tellingVault) Apply(ctx context.Context, c myvault.Commit) ([]myvault.Info, error) {
	return p.apply(ctx, p.Store, c)
}

// runCopy runs copyStores in another process and kills it after kill changes or a few more.
func runCopy(t *testing.T, key crypto.Key, from, to string, kill int) error {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), copyJob+"=1")
	cmd.Stdin = strings.NewReader(key.Text() + fmt.Sprintln("", from, to, kill+32))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 1; lines.Scan(); n++ {
		if n == kill {
			_ = cmd.Process.Kill()
		}
	}
	return cmd.Wait()
}

func openStore(t *testing.T, dir string, key crypto.Key) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), dir, sqlite.StaticKey(key), sqlite.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// writeMany puts versions of secrets from several goroutines and returns versions per second.
func writeMany(t *testing.T, p myvault.Provider, secrets, versions, callers int) float64 {
	t.Helper()
	var next atomic.Int64
	var callersEnd sync.WaitGroup
	began := time.Now()
	for range callers {
		callersEnd.Go(func() {
			for n := int(next.Add(1)) - 1; n < secrets; n = int(next.Add(1)) - 1 {
				addr := myvault.Address{Project: fmt.Sprint("project-", n%20), Path: fmt.Sprintf("prod/group-%d/secret-%d", n%7, n)}
				for v := range versions {
					value := myvault.Text(fmt.Sprintf("value %d of %60d", v, n))
					c := myvault.Commit{By: "jobqueue", At: epoch.Add(time.Duration(n*versions+v) * time.Millisecond)}
					c.Changes = []myvault.Change{{Op: myvault.OpPut, Address: addr, Value: value}}
					if _, err := p.Apply(t.Context(), c); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	callersEnd.Wait()
	return float64(secrets*versions) / time.Since(began).Seconds()
}

// TestCopyIsKilled kills the copying process twice and checks that the third run ends equal.
// MYVAULT_RELIABILITY=long copies 10,000 secrets of 5 versions.
func TestCopyIsKilled(t *testing.T) {
	is := is.New(t)
	secrets, versions := 100, 3
	if os.Getenv("MYVAULT_RELIABILITY") == "long" {
		secrets, versions = 10_000, 5
	}
	key, from, to := crypto.NewKey(), t.TempDir(), t.TempDir()
	src := openStore(t, from, key)
	writeMany(t, src, secrets, versions, 64)
	all := secrets * versions
	const projects = 20
	for range 2 {
		is.True(runCopy(t, key, from, to, all/4+projects) != nil)
	}

	dst := openStore(t, to, key)
	o := options
	o.Parallel = 0
	r, err := transfer.Copy(t.Context(), dst, src, o)
	is.NoErr(err)
	is.True(r.Equal())
	is.Equal(r.Versions, all)
	is.True(0 < r.Written && r.Written <= all/2) // it went on where it had stopped
	left := r.Written
	is.Equal(dump(t, dst), dump(t, src))
	report, err := dst.Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Changes, uint64(all+projects)) // each version and each project was made once

	rate := make(map[transfer.Phase]float64)
	o.Progress = func(p transfer.Progress) { rate[p.Phase] = p.Rate() }
	fresh, plain := openStore(t, t.TempDir(), key), openStore(t, t.TempDir(), key)
	began := time.Now()
	again, err := transfer.Copy(t.Context(), fresh, dst, o)
	took := time.Since(began)
	is.NoErr(err)
	is.Equal(again.Source, r.Target) // back to a fresh store, the same digest
	t.Logf("%d versions left after two kills; copied anew: %.0f a second, of which surveyed %.0f, written %.0f and verified %.0f; plain writes %.0f a second",
		left, float64(all)/took.Seconds(), rate[transfer.Surveying], rate[transfer.Copying], rate[transfer.Verifying],
		writeMany(t, plain, secrets, versions, 64))
}
