package vaultapi_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/myswiftagent/myvault"
	"github.com/myswiftagent/myvault/httpapi"
	"github.com/myswiftagent/myvault/httpapi/guard"
	"github.com/myswiftagent/myvault/httpapi/serve"
	"github.com/myswiftagent/myvault/httpapi/vaultapi"
	"github.com/myswiftagent/myvault/providers/memory"
	"github.com/myswiftagent/myvault/tokens"
)

func Example() {
	policy, err := myvault.ParsePolicy(map[string]string{
		"ALLOWED_SERVICES": "newsbot",
		"TOKEN_newsbot":    "a-token-of-16-or-more",
		"ALLOW_newsbot":    "newsbot/",
	})
	must(err)
	vault, err := myvault.New(memory.New(memory.Config{}), policy, myvault.Config{})
	must(err)
	defer vault.Close()
	issuer, err := tokens.New(vault, tokens.Config{})
	must(err)
	g, err := guard.New(guard.Config{})
	must(err)
	api, err := httpapi.New(vault, httpapi.Config{Guard: g, Tokens: issuer})
	must(err)
	kv, err := vaultapi.New(vault, issuer, vaultapi.Config{Guard: g})
	must(err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- serve.Serve(ctx, listener, kv.Beside(api), api.ServeConfig(serve.Config{})) }()

	// As `vault kv put newsbot/prod/db value=hunter2` sends it.
	url := "http://" + listener.Addr().String() + "/v1/newsbot/data/prod/db"
	request, err := http.NewRequest("PUT", url, strings.NewReader(`{"data":{"value":"hunter2"}}`))
	must(err)
	request.Header.Set("X-Vault-Token", "newsbot:a-token-of-16-or-more")
	response, err := http.DefaultClient.Do(request)
	must(err)
	_, err = io.Copy(io.Discard, response.Body)
	must(err)
	must(response.Body.Close())
	secret, err := vault.As("newsbot").Get(ctx, myvault.Address{Project: "newsbot", Path: "prod/db"})
	must(err)
	fmt.Println(response.Status, secret.Value.Reveal())

	stop()
	fmt.Println(<-ended)
	// Output:
	// 200 OK hunter2
	// <nil>
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
