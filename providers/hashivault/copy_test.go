package hashivault_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/matryer/is"
	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/internal/vaultserver"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/transfer"
)

// randomHistory fills a provider with secrets in every state.
func randomHistory(t *testing.T, p myvault.Provider, secrets, versions int) {
	t.Helper()
	random := rand.New(rand.NewPCG(7, 7))
	at := time.Date(2026, 11, 23, 15, 0, 0, 123456000, time.UTC)
	apply := func(by string, c myvault.Change) {
		t.Helper()
		at = at.Add(time.Millisecond)
		if _, err := p.Apply(t.Context(), myvault.Commit{By: by, At: at, Changes: []myvault.Change{c}}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range secrets {
		addr := myvault.Address{Project: []string{"newsbot", "共通", ".vault"}[n%3], Path: fmt.Sprintf("prod/本番/secret %d", n)}
		for v := range versions {
			c := myvault.Change{Op: myvault.OpPut, Address: addr, Value: myvault.Bytes(fmt.Appendf(nil, "value %d \xff", v))}
			if v%2 == 0 {
				c.Expires, c.RotateAfter = at.Add(time.Hour), at.Add(time.Minute)
			}
			apply([]string{"jobqueue", "commonUI"}[v%2], c)
			switch random.IntN(6) {
			case 0:
				apply("commonUI", myvault.Change{Op: myvault.OpDelete, Address: addr})
			case 1:
				apply("commonUI", myvault.Change{Op: myvault.OpDestroy, Address: addr, Versions: []myvault.Version{myvault.Version(1 + random.IntN(v+1))}})
			}
		}
	}
	apply("commonUI", myvault.Change{Op: myvault.OpPutProject, Project: myvault.Project{Name: "newsbot", Description: "説明"}})
	apply("commonUI", myvault.Change{Op: myvault.OpPutProject, Project: myvault.Project{Name: "empty"}})
	apply("commonUI", myvault.Change{Op: myvault.OpDefaultProject, Project: myvault.Project{Name: "newsbot"}})
	apply("x", myvault.Change{Op: myvault.OpPut, Address: myvault.Address{Project: "gone", Path: "x"}, Value: myvault.Text("v")})
	apply("x", myvault.Change{Op: myvault.OpDelete, Address: myvault.Address{Project: "gone", Path: "x"}})
	apply("x", myvault.Change{Op: myvault.OpDeleteProject, Project: myvault.Project{Name: "gone"}})
}

// TestCopyToVaultAndBack: everything is copied to Vault, and all that Vault still has is copied
// back.
func TestCopyToVaultAndBack(t *testing.T) {
	servers := map[string]func(t *testing.T) (address, token string){
		"fake": func(t *testing.T) (string, string) {
			s := fakevault.New(t)
			return s.Address, s.Token
		},
		"real": func(t *testing.T) (string, string) {
			s := vaultserver.Dev(t, vaultserver.Binary(t))
			return s.Address, s.Token
		},
	}
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			address, token := server(t)
			secrets, versions := 40, 5
			if os.Getenv("MYVAULT_RELIABILITY") == "long" {
				secrets = 10_000
			}
			src, back := memory.New(memory.Config{}), memory.New(memory.Config{})
			randomHistory(t, src, secrets, versions)
			store, err := hashivault.Open(t.Context(), fresh(address, token))
			is.NoErr(err)
			defer store.Close()
			var rate float64
			o := transfer.Options{By: "operator", DigestKey: []byte("fixed"), Trail: myvault.NoTrail{}}
			o.Progress = func(p transfer.Progress) {
				if p.Phase == transfer.Copying {
					rate = p.Rate()
				}
			}
			r, err := transfer.Copy(t.Context(), store, src, o)
			is.NoErr(err)
			is.True(r.Equal())
			is.True(r.Uncompared > 0)
			is.Equal(r.Written, r.Versions)
			again, err := transfer.Copy(t.Context(), store, src, o)
			is.NoErr(err)
			is.Equal(again.Written, 0)

			o.Trail, o.DestroyUnreadable = nil, true
			r, err = transfer.Copy(t.Context(), back, store, o)
			is.NoErr(err)
			is.True(r.Equal())
			lost := make(map[string]bool)
			for _, p := range r.Unreadable {
				lost[fmt.Sprint(p.Address, p.Version)] = true
			}
			compareStores(t, src, back, lost)
			t.Logf("%d versions there at %.0f a second, %d of them not readable on the way back; plain writes %.0f a second",
				r.Versions, rate, len(lost), plainWrites(t, store, 1000))
		})
	}
}

// compareStores compares every version of two stores. Values that were lost are destroyed
// there.
func compareStores(t *testing.T, want, got myvault.Provider, lost map[string]bool) {
	t.Helper()
	is := is.New(t)
	n := 0
	for _, deleted := range []bool{false, true} {
		for info, err := range want.List(t.Context(), myvault.ListOptions{Deleted: deleted}) {
			is.NoErr(err)
			theirs := make(map[myvault.Version]myvault.Info)
			for i, err := range got.Versions(t.Context(), info.Address, 0) {
				is.NoErr(err)
				theirs[i.Version] = i
			}
			for i, err := range want.Versions(t.Context(), info.Address, 0) {
				is.NoErr(err)
				secret, err := want.Get(t.Context(), info.Address, i.Version)
				if lost[fmt.Sprint(i.Address, i.Version)] {
					is.True(err != nil) // no value that could be read was lost
					i.State = myvault.Destroyed
				}
				is.Equal(theirs[i.Version], i)
				if err == nil {
					other, err := got.Get(t.Context(), info.Address, i.Version)
					is.NoErr(err)
					is.Equal(other.Value.Reveal(), secret.Value.Reveal())
				}
				n++
			}
		}
	}
	is.True(n >= 200)
	var projects [2][]myvault.Project
	for i, p := range []myvault.Provider{want, got} {
		for project, err := range p.Projects(t.Context(), "") {
			is.NoErr(err)
			projects[i] = append(projects[i], project)
		}
	}
	is.Equal(projects[0], projects[1])
	is.Equal(len(projects[0]), 3)
}

// plainWrites returns the rate of puts by as many callers as Copy has.
func plainWrites(t *testing.T, p myvault.Provider, writes int) float64 {
	t.Helper()
	began := time.Now()
	errs := make(chan error)
	for caller := range 64 {
		go func() {
			var err error
			for n := caller; n < writes && err == nil; n += 64 {
				addr := myvault.Address{Project: "newsbot", Path: fmt.Sprint("plain/", n)}
				_, err = p.Apply(context.Background(), myvault.Commit{By: "x", At: began, Changes: []myvault.Change{
					{Op: myvault.OpPut, Address: addr, Value: myvault.Text("a value of about as many bytes as the others")},
				}})
			}
			errs <- err
		}()
	}
	for range 64 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	return float64(writes) / time.Since(began).Seconds()
}

func TestLimits(t *testing.T) {
	is := is.New(t)
	server := fakevault.New(t)
	config := fresh(server.Address, server.Token)
	config.KeepVersions, config.MaxProjects = 7, 9
	store, err := hashivault.Open(t.Context(), config)
	is.NoErr(err)
	defer store.Close()
	projects, versions := store.Limits()
	is.Equal(projects, 9)
	is.Equal(versions, 7)
}
