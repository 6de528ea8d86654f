package transfer_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/internal/vaultserver"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/transfer"
)

// TestMovingIsKilled moves a local store to a real Vault and back to a new local store. The
// copying process is killed twice on the way there and once on the way back, and restarted.
// MYVAULT_RELIABILITY=long moves 10,000 secrets of 5 versions and logs how fast Copy writes.
func TestMovingIsKilled(t *testing.T) {
	is := is.New(t)
	server := vaultserver.Dev(t, vaultserver.Binary(t))
	secrets, versions := 300, 5
	long := os.Getenv("MYVAULT_RELIABILITY") == "long"
	if long {
		secrets = 10_000
	}
	const projects = 20 // of writeMany
	key, from, there, back := crypto.NewKey(), t.TempDir(), vaultStore(server.Address, "moved"), t.TempDir()
	src := openStore(t, from, key)
	writeMany(t, src, secrets, versions, 64)
	destroyed := destroySome(t, src, secrets)
	all := secrets * versions
	beginKilled := func(from, to string, kills int) {
		t.Helper()
		for range kills {
			is.True(runCopy(t, key, from, to, all/4+projects) != nil) // it was killed
		}
	}

	beginKilled(from, there, 2)
	far, err := openNamed(t.Context(), there, key)
	is.NoErr(err)
	defer far.Close()
	moved, went := continueCopy(t, far, src)
	is.Equal(moved.Versions, all)
	is.True(0 < moved.Written && moved.Written < all*3/4) // it went on where it had stopped
	beginKilled(there, back, 1)
	store := openStore(t, back, key)
	returned, came := continueCopy(t, store, far)
	is.True(0 < returned.Written && returned.Written <= all*3/4)
	is.Equal([]string{moved.Target, returned.Source, returned.Target}, []string{moved.Source, moved.Source, moved.Source})
	is.Equal(dump(t, store), dump(t, src))
	report, err := store.Verify(t.Context())
	is.NoErr(err)
	is.Equal(report.Changes, uint64(all+destroyed+projects)) // each was made once
	t.Logf("%d versions of %d secrets, %d destroyed; after two kills %d were left, moved in %v; back, after one kill, %d, in %v",
		all, secrets, destroyed, moved.Written, went, returned.Written, came)
	if long {
		compareMoving(t, server, key, secrets/10, versions)
	}
}

// continueCopy finishes the copy of a killed process.
func continueCopy(t *testing.T, dst, src myvault.Provider) (transfer.Report, time.Duration) {
	t.Helper()
	is := is.New(t)
	o := options
	o.Parallel = 0
	if _, own := dst.(myvault.Trail); !own {
		o.Trail = myvault.NoTrail{}
	}
	began := time.Now()
	report, err := transfer.Copy(t.Context(), dst, src, o)
	is.NoErr(err)
	is.True(report.Equal())
	return report, time.Since(began)
}

// destroySome destroys the first version of one secret in ten.
func destroySome(t *testing.T, p myvault.Provider, secrets int) (destroyed int) {
	t.Helper()
	is := is.New(t)
	for info, err := range p.List(t.Context(), myvault.ListOptions{}) {
		is.NoErr(err)
		if destroyed++; destroyed > secrets/10 {
			return secrets / 10
		}
		_, err = p.Apply(t.Context(), myvault.Commit{By: "jobqueue", At: epoch, Changes: []myvault.Change{
			{Op: myvault.OpDestroy, Address: info.Address, Versions: []myvault.Version{1}},
		}})
		is.NoErr(err)
	}
	return destroyed
}

// compareMoving logs how fast Copy writes to Vault, beside the same writes by bare clients.
func compareMoving(t *testing.T, server *vaultserver.Server, key crypto.Key, secrets, versions int) {
	t.Helper()
	is := is.New(t)
	src := memory.New(memory.Config{})
	writeMany(t, src, secrets, versions, 64)
	for round := range 3 {
		dst, err := openNamed(t.Context(), vaultStore(server.Address, fmt.Sprint("round-", round)), key)
		is.NoErr(err)
		var written float64
		o := options
		o.Parallel, o.Trail = 0, myvault.NoTrail{}
		o.Progress = func(p transfer.Progress) {
			if p.Phase == transfer.Copying {
				written = p.Rate()
			}
		}
		began := time.Now()
		_, err = transfer.Copy(t.Context(), dst, src, o)
		whole := float64(secrets*versions) / time.Since(began).Seconds()
		is.NoErr(err)
		is.NoErr(dst.Close())
		bare := bareWrites(t, server, fmt.Sprint("bare-", round), secrets, versions, 64)
		t.Logf("%d versions: bare writes %.0f a second, writing by Copy %.0f (%.2fx), the whole copy %.0f (%.2fx)",
			secrets*versions, bare, written, written/bare, whole, whole/bare)
	}
}

// bareWrites puts as much as writeMany through the API of Vault and returns versions per second.
func bareWrites(t *testing.T, server *vaultserver.Server, base string, secrets, versions, callers int) float64 {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: callers}
	defer transport.CloseIdleConnections()
	var next atomic.Int64
	var callersEnd sync.WaitGroup
	began := time.Now()
	for range callers {
		callersEnd.Go(func() {
			for n := int(next.Add(1)) - 1; n < secrets; n = int(next.Add(1)) - 1 {
				for v := range versions {
					body := fmt.Sprintf(`{"data":{"value":"value %d of %60d","by":{"jobqueue":""},"at":{"2026-11-23T15:00:00.123456Z":""}}}`, v, n)
					r, err := http.NewRequest("POST", fmt.Sprintf("%s/v1/secret/data/%s/secret-%d", server.Address, base, n), strings.NewReader(body))
					if err != nil {
						t.Error(err)
						return
					}
					r.Header.Set("X-Vault-Token", server.Token)
					if err := answered(transport.RoundTrip(r)); err != nil {
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

// answered drains a response.
func answered(r *http.Response, err error) error {
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r.Body)
	if r.StatusCode != http.StatusOK {
		err = fmt.Errorf("vault answers %d", r.StatusCode)
	}
	return errors.Join(err, r.Body.Close())
}
