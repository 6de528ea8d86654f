package memory_test

import (
	"context"
	"fmt"
	"time"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/memory"
)

// A vault calls its provider like this, after it has checked the policy. Programs use a vault.
func Example() {
	ctx := context.Background()
	provider := memory.New(memory.Config{})
	defer provider.Close()

	addr := myvault.Address{Project: "newsbot", Path: "prod/db/password"}
	_, err := provider.Apply(ctx, myvault.Commit{
		By: "commonUI",
		At: time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC),
		Changes: []myvault.Change{
			{Op: myvault.OpPut, Address: addr, Value: myvault.Text("first")},
			{Op: myvault.OpPut, Address: addr, Value: myvault.Text("second")},
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	secret, err := provider.Get(ctx, addr, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(secret.Address, "version", secret.Version, "by", secret.By)
	fmt.Println(secret.Value, "means", secret.Value.Reveal())
	// Output:
	// newsbot/prod/db/password version 2 by commonUI
	// [REDACTED] means second
}
