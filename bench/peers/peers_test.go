package peers_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/bench/peers"
)

const secrets = 150 // more than a page

func TestEnginesReturnTheRightBytes(t *testing.T) {
	for _, e := range peers.Engines() {
		t.Run(e.Name, func(t *testing.T) {
			is := is.New(t)
			dir, all := t.TempDir(), peers.Names(secrets)
			is.NoErr(e.Fill(dir, all))
			p, err := e.Open(dir, 2)
			is.NoErr(err)
			check(t, p, all)
			is.NoErr(p.Close())
			p, err = e.Open(dir, 1)
			is.NoErr(err)
			reads(t, p, all[:2], 1) // changed before the store was closed
			reads(t, p, all[2:], 0)
			is.NoErr(p.Close())
		})
	}
}

func TestMapReturnsTheRightBytes(t *testing.T) {
	is := is.New(t)
	all := peers.Names(secrets)
	p, err := peers.NewMap(all)
	is.NoErr(err)
	check(t, p, all)
	sealed, err := peers.NewSealed(all)
	is.NoErr(err)
	for i, s := range all {
		value, err := sealed.Open(i)
		is.NoErr(err)
		is.Equal(value, s.Value(0))
	}
}

// TestVaultsReturnTheRightBytes covers each mode of recording reads, over both providers.
func TestVaultsReturnTheRightBytes(t *testing.T) {
	is := is.New(t)
	all := peers.Names(secrets)
	dir := t.TempDir()
	is.NoErr(peers.Local().Fill(dir, all))
	local, err := peers.OpenVaults(dir)
	is.NoErr(err)
	inMemory, err := peers.MemoryVaults(all)
	is.NoErr(err)
	for _, vaults := range []*peers.Vaults{local, inMemory} {
		reads(t, vaults.Peer(myvault.ReadsOff), all, 0)
		reads(t, vaults.Peer(myvault.ReadsRelaxed), all, 0)
		check(t, vaults.Peer(myvault.ReadsStrict), all)
		is.NoErr(vaults.Close())
		_, err := vaults.Peer(myvault.ReadsStrict).Get(all[0])
		is.True(errors.Is(err, myvault.ErrClosed))
	}
	logs, err := filepath.Glob(filepath.Join(dir, "*-wal"))
	is.NoErr(err)
	is.Equal(len(logs), 0) // the store was closed too, not only its vaults
}

func TestSetecWithoutTrailReturnsTheRightBytes(t *testing.T) {
	is := is.New(t)
	dir, all := t.TempDir(), peers.Names(secrets)
	is.NoErr(peers.Setec().Fill(dir, all))
	p, err := peers.OpenSetecWithoutTrail(dir)
	is.NoErr(err)
	reads(t, p, all, 0)
	is.NoErr(p.Close())
}

func TestDisksAndBareSQLiteWrite(t *testing.T) {
	is := is.New(t)
	dir := t.TempDir()
	appending, err := peers.NewAppending(dir)
	is.NoErr(err)
	overwriting, err := peers.NewOverwriting(dir)
	is.NoErr(err)
	bare, err := peers.NewBareSQLite(dir, peers.Names(secrets), 64)
	is.NoErr(err)
	for range 3 {
		is.NoErr(appending.Write())
		is.NoErr(overwriting.Write())
		is.NoErr(bare.Write())
	}
	is.NoErr(appending.Close())
	is.NoErr(overwriting.Close())
	is.NoErr(bare.Close())
}

func TestNames(t *testing.T) {
	is := is.New(t)
	all := peers.Names(1001)
	is.Equal(all[1000].Address(), myvault.Address{Project: "service-0001", Path: "prod/db/key-000"})
	is.NoErr(all[1000].Address().Validate())
	is.True(!bytes.Equal(all[0].Value(0), all[0].Value(1)))
	is.Equal(len(all[0].Value(0)), 64)
	_, err := peers.ByName("none")
	is.True(err != nil)
}

func TestPoliciesDecide(t *testing.T) {
	is := is.New(t)
	for _, rules := range []int{2, 1000} {
		policy, err := peers.NewPolicy(rules)
		is.NoErr(err)
		is.True(policy.Allows(peers.ServiceName, myvault.Read, peers.Names(1)[0].Address()))
		is.True(!policy.Allows(peers.ServiceName, myvault.Read, myvault.Address{Project: "service-0001", Path: "stage/x"}))
	}
}

// check reads everything, changes two secrets at the same time, and lists a page.
func check(t *testing.T, p peers.Peer, all []peers.Secret) {
	t.Helper()
	reads(t, p, all, 0)
	var both sync.WaitGroup
	var errs [2]error
	for i := range errs {
		both.Go(func() { errs[i] = p.Put(all[i], all[i].Value(1)) })
	}
	both.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	reads(t, p, all[:2], 1)
	n, err := p.Page(all[0])
	if !errors.Is(err, errors.ErrUnsupported) && (err != nil || n != peers.PageSize) {
		t.Errorf("a page has %d secrets: %v", n, err)
	}
	if _, err := p.Get(peers.Names(secrets + 1)[secrets]); err == nil {
		t.Error("a secret that was never created was found")
	}
}

// reads expects the n-th value of each secret.
func reads(t *testing.T, p peers.Peer, all []peers.Secret, n int) {
	t.Helper()
	for _, s := range all {
		value, err := p.Get(s)
		if err != nil || !bytes.Equal(value, s.Value(n)) {
			t.Fatalf("%s: %x, %v", s.Key, value, err)
		}
	}
}
