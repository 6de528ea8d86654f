package myvault_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/matryer/is"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// stores opens an empty store of each provider that has snapshots.
var stores = map[string]func(t testing.TB) myvault.Provider{
	"memory": func(testing.TB) myvault.Provider { return memory.New(memory.Config{}) },
	"sqlite": func(t testing.TB) myvault.Provider {
		s, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.StaticKey(crypto.NewKey()), sqlite.Config{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	},
}

// TestAPageIsOneState changes three secrets together, beside readers. The many secrets between them
// make it likely that a page which joins several reads mixes two commits.
func TestAPageIsOneState(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			is := is.New(t)
			v := vaultOf(t, open(t), myvault.Config{Reads: myvault.ReadsOff})
			root := v.As("root")
			var between []myvault.Change
			for i := range 400 {
				between = append(between, myvault.Change{Op: myvault.OpPut, Address: address(t, fmt.Sprintf("p/m%03d", i)), Value: myvault.Text("v")})
			}
			_, err := root.Apply(t.Context(), between...)
			is.NoErr(err)
			together := func(n int) error {
				var changes []myvault.Change
				for _, at := range []string{"p/a", "p/m200x", "p/z"} {
					changes = append(changes, myvault.Change{Op: myvault.OpPut, Address: address(t, at), Value: myvault.Text(fmt.Sprint(n))})
				}
				_, err := root.Apply(t.Context(), changes...)
				return err
			}
			is.NoErr(together(1))
			var over atomic.Bool
			written := make(chan error, 1)
			go func() {
				for n := 2; !over.Load(); n++ {
					if err := together(n); err != nil {
						written <- err
						return
					}
				}
				written <- nil
			}()
			for range 40 {
				values, err := root.GetPage(t.Context(), myvault.ListOptions{}, 1000)
				is.NoErr(err)
				seen := map[string]bool{}
				for _, secret := range values.Items {
					if secret.Path[0] != 'm' || secret.Path == "m200x" {
						seen[fmt.Sprint(secret.Version, " ", secret.Value.Reveal())] = true
					}
				}
				is.Equal(len(values.Items), 403)
				is.Equal(len(seen), 1) // values of one commit
				infos, err := root.ListPage(t.Context(), myvault.ListOptions{}, 1000)
				is.NoErr(err)
				is.Equal(infos.Items[0].Version, infos.Items[402].Version) // versions of one commit
			}
			over.Store(true)
			is.NoErr(<-written)
		})
	}
}
