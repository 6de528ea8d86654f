package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/crypto"
	"github.com/myswiftagent/myvault/providers/sqlite"
)

// A store is a directory and a key. Programs use it through a session of a vault; this example
// calls the provider directly.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	key := crypto.NewKey() // keep it: crypto.ReadKeyFile, or the text in a .env

	store, err := sqlite.Open(ctx, dir, sqlite.StaticKey(key), sqlite.Config{})
	if err != nil {
		panic(err)
	}
	addr := myvault.Address{Project: "newsbot", Path: "prod/db"}
	_, err = store.Apply(ctx, myvault.Commit{
		Changes: []myvault.Change{{Op: myvault.OpPut, Address: addr, Value: myvault.Text("s3cret")}},
		By:      "example", At: time.Now(),
	})
	if err != nil {
		panic(err)
	}
	secret, err := store.Get(ctx, addr, 0)
	fmt.Println(secret.Version, secret.Value, secret.Value.Reveal(), err)
	report, err := store.Verify(ctx)
	fmt.Println(report, err)
	if err := store.Close(); err != nil {
		panic(err)
	}

	_, err = sqlite.Open(ctx, dir, sqlite.StaticKey(crypto.NewKey()), sqlite.Config{})
	fmt.Println(errors.Is(err, myvault.ErrWrongKey))
	// Output:
	// 1 [REDACTED] s3cret <nil>
	// 1 changes, 0 accesses, 1 records opened, 0 destroyed, 1 secrets, 1 projects; truncation was not checked: no earlier head of each chain was given <nil>
	// true
}
