package client_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/client"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/providers/memory"
)

func Example() {
	policy, err := myvault.ParsePolicy(map[string]string{
		"ALLOWED_SERVICES": "newsbot",
		"TOKEN_newsbot":    "a-token-of-16-or-more",
		"ALLOW_newsbot":    "newsbot/",
	})
	if err != nil {
		panic(err)
	}
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	if err != nil {
		panic(err)
	}
	defer vault.Close()
	api, err := httpapi.New(vault, httpapi.Config{})
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(api)
	defer server.Close()

	ctx := context.Background()
	remote, err := client.New(client.Config{
		Address: server.URL, Service: "newsbot", Token: myvault.Text("a-token-of-16-or-more"),
	})
	if err != nil {
		panic(err)
	}
	defer remote.Close()
	addr := myvault.Address{Project: "newsbot", Path: "prod/db"}
	info, err := remote.Put(ctx, addr, myvault.Text("hunter2"))
	fmt.Println(info, err)
	secret, err := remote.Get(ctx, addr)
	fmt.Println(secret.Value.Reveal(), err)
	_, err = remote.Put(ctx, addr, myvault.Text("hunter3"), myvault.IfVersion(7))
	fmt.Println(err)
	// Output:
	// newsbot/prod/db version 1 live <nil>
	// hunter2 <nil>
	// myvault: put newsbot/prod/db: version conflict
}
