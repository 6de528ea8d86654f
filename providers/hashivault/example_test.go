package hashivault_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/providers/hashivault"
	"github.com/myswiftagent/myvault/providers/hashivault/internal/fakevault"
	"github.com/myswiftagent/myvault/providers/memory"
)

// Sessions, policy and errors are the same as over any other provider. The trail is a separate
// store.
func Example() {
	vaultServer := fakevault.Start() // in place of https://vault-1.example:8200 and its like
	defer vaultServer.Stop()

	ctx := context.Background()
	store, err := hashivault.Open(ctx, hashivault.Config{
		Addresses: []string{vaultServer.Address},
		Token:     myvault.Text(vaultServer.Token),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	policy, err := myvault.ParsePolicy(map[string]string{
		"ALLOWED_SERVICES": "jobqueue", "TOKEN_jobqueue": "a-token-for-this-example", "ALLOW_jobqueue": "newsbot/prod/",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	// Programs keep the trail on disk, with sqlite.OpenTrail.
	vault, err := myvault.New(store, policy, myvault.Config{Trail: memory.New(memory.Config{})})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer vault.Close()

	session := vault.As("jobqueue")
	addr := myvault.Address{Project: "newsbot", Path: "prod/db/password"}
	info, err := session.Put(ctx, addr, myvault.Text("hunter2"), myvault.IfAbsent())
	fmt.Println(info, err)
	secret, err := session.Get(ctx, addr)
	fmt.Println(secret.Value, secret.Value.Reveal(), err)
	_, err = session.Apply(ctx,
		myvault.Change{Op: myvault.OpPut, Address: addr, Value: myvault.Text("one")},
		myvault.Change{Op: myvault.OpDelete, Address: addr})
	fmt.Println(errors.Is(err, errors.ErrUnsupported))
	// Output:
	// newsbot/prod/db/password version 1 live <nil>
	// [REDACTED] hunter2 <nil>
	// true
}
